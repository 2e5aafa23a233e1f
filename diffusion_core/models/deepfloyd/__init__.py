"""DeepFloyd IF's format: text encoder, prompts, UNet, filter and watermark."""
