"""What the events of a trail mean: requests, facts and sentences. Pure."""
