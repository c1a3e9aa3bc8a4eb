"""What is recorded: policy, stages, objects, encoding (floor 4, pure)."""
