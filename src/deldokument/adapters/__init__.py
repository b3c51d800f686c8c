"""Adapters: what the services ask for, spoken in the languages of databases, stores, keys and national registers."""
