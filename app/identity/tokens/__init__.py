"""What is handed out to prove later who one is: how each kind is made, kept and recognised."""
