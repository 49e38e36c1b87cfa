"""What every folder may import: records, ids, storage, commits, the stage contract."""
