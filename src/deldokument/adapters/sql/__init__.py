"""The database adapter: the state of deldokument in SQLite or PostgreSQL, through the same repositories.

Promises the contracts of services.repositories on both, and that no error of SQLAlchemy or of a driver leaves the room.
Deliberately does not know what a key is, nor why a row is written.
"""
