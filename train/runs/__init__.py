"""Many fits: run folders, cross-validation, pre-training, distillation."""
