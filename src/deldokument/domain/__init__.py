"""What is true about shares, uploads and people, without web, SQL, S3 or keys. Standard library only."""
