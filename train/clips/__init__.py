"""What a model hears of the clips: features, batches, augmentation, targets."""
