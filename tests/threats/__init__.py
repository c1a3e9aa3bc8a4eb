"""The threat list, case by case: see docs/threat-model.md."""
