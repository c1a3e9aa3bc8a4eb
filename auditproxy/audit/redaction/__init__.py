"""What is kept out of the trail: rules, paths and copies of secret values. PURE."""
