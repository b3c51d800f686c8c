"""Many people and systems at once, among very many shares: `bench.large` runs them."""
