"""Reads settings from the environment."""
import os

from pydantic import BaseSettings

os.environ["WORKERS"] = "3"


class Settings(BaseSettings):
    workers: int = 1


print("workers:", Settings().workers)
