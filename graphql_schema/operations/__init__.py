"""Long jobs: followed and cancelled."""
