"""Autoencoders of diffusers with random weights, each as small as its class lets it be, and an example's shape."""

GROUPED = {"norm_num_groups": 2}
FOUR = {"block_out_channels": (8, 8, 8, 8), "latent_channels": 3, "layers_per_block": 1, **GROUPED}

PICTURES = {
    "AutoencoderKL": ({"block_out_channels": (8,), "latent_channels": 3, **GROUPED}, (3, 8, 8)),
    "AsymmetricAutoencoderKL": (
        {"down_block_out_channels": (8,), "up_block_out_channels": (8,), "latent_channels": 3, **GROUPED},
        (3, 8, 8),
    ),
    "AutoencoderKLTemporalDecoder": ({"block_out_channels": (32,), "latent_channels": 3}, (3, 8, 8)),
    "AutoencoderKLFlux2": ({**FOUR, "sample_size": 16}, (3, 16, 16)),
    "AutoencoderKLKVAE": (
        {"channels": 32, "num_enc_blocks": 1, "num_dec_blocks": 1, "z_channels": 3, "ch_mult": (1, 1)},
        (3, 8, 8),
    ),
}
VIDEOS = {
    "AutoencoderKLCogVideoX": (FOUR, (3, 1, 16, 16)),
    "AutoencoderKLHunyuanVideo": (FOUR, (3, 1, 16, 16)),
    "AutoencoderKLMagvit": ({**FOUR, "block_out_channels": [8, 8, 8, 8]}, (3, 1, 16, 16)),
    "AutoencoderKLLTXVideo": (
        {
            "latent_channels": 3,
            "block_out_channels": (8, 8, 8, 8),
            "decoder_block_out_channels": (8, 8, 8, 8),
            "layers_per_block": (1,) * 5,
            "decoder_layers_per_block": (1,) * 5,
        },
        (3, 1, 32, 32),
    ),
    "AutoencoderKLWan": (
        {
            "base_dim": 8,
            "z_dim": 3,
            "dim_mult": [1, 1, 1, 1],
            "num_res_blocks": 1,
            "latents_mean": [0.0] * 3,
            "latents_std": [1.0] * 3,
        },
        (3, 5, 16, 16),
    ),
    "AutoencoderKLQwenImage": (
        {
            "base_dim": 8,
            "z_dim": 3,
            "dim_mult": [1, 1, 1, 1],
            "num_res_blocks": 1,
            "latents_mean": [0.0] * 3,
            "latents_std": [1.0] * 3,
        },
        (3, 1, 16, 16),
    ),
    "AutoencoderKLMochi": (
        {
            "latent_channels": 3,
            "encoder_block_out_channels": (32, 32, 32, 32),
            "decoder_block_out_channels": (32, 32, 32, 32),
            "layers_per_block": (1,) * 5,
        },
        (3, 7, 16, 16),
    ),
}
SOUNDS = {
    "AutoencoderOobleck": (
        {
            "encoder_hidden_size": 8,
            "downsampling_ratios": [2, 4],
            "channel_multiples": [1, 1],
            "decoder_channels": 8,
            "decoder_input_channels": 4,
            "audio_channels": 2,
        },
        (2, 64),
    ),
}
"""By its class: what a small one is made of, and the shape of an example that it takes."""
