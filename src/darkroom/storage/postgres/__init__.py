"""The store in PostgreSQL: `PostgresStore` keeps the ports of core, `embedded` runs a server of our own.

SQL lives in migrations/ (the schema), functions/ (each operation of the ledger, one transaction) and queries/ (reads).
"""
