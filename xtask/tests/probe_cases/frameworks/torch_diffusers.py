# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 2
# seen: torch device cpu
import diffusers
import torch

diffusers.utils.logging.disable_progress_bar()
torch.manual_seed(0)
unet = diffusers.UNet2DModel(
    sample_size=8, block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1,
    down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
)
pipeline = diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler())
pipeline.set_progress_bar_config(disable=True)
images = pipeline(num_inference_steps=2, output_type="np", generator=torch.Generator().manual_seed(0)).images
print(images.shape, float(images.mean()))
