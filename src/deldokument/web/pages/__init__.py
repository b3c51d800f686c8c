"""The pages people see, a module each for what they do there: handlers from a Call to a page."""
