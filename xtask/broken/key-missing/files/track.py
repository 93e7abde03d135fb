"""Tracks a small training."""
import wandb

run = wandb.init(project="lines")
loss = 1.0
for step in range(3):
    loss /= 2
    run.log({"loss": loss})
print("loss:", loss)
