"""Files: certificates, pictures, exports, videos. A folder, memory or S3 behind one port, and signed links that expire.

A file is written whole or not at all, and as a rule once: its key is new, or the writer hears that it is not.
"""

from app.storage.errors import AlreadyExists, FileTooLarge, NoSuchFile, RangeNotSatisfiable
from app.storage.links import Link
from app.storage.media_links import MediaLink
from app.storage.pieces import Content, StoredFile
from app.storage.port import Storage
from app.storage.served_links import LinkExpired, LinkRefused

__all__ = [
    "AlreadyExists",
    "Content",
    "FileTooLarge",
    "Link",
    "LinkExpired",
    "LinkRefused",
    "MediaLink",
    "NoSuchFile",
    "RangeNotSatisfiable",
    "Storage",
    "StoredFile",
]
