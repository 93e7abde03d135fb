"""Balances a pole, badly."""
import gym

env = gym.make("CartPole-v1")
env.seed(0)
observation = env.reset()
steps, done = 0, False
while not done:
    observation, reward, done, info = env.step(int(observation[2] > 0))
    steps += 1
print("steps:", steps, "angle", round(float(observation[2]), 2))
