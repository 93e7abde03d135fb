# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 2+
# seen: torch parameters 1000+
# seen: torch device cpu
# seen: ctranslate2 3+
# A language model of random weights with a tokenizer of nine words, through `pipeline`, `generate` and ctranslate2.
import json
import tempfile

import ctranslate2
import torch
import transformers

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.manual_seed(0)
folder = tempfile.mkdtemp()
words = ["<|endoftext|>", "a", "b", "c", "d", "e", "f", "g", "h"]
with open(folder + "/tokenizer.json", "w") as target:
    model = {"type": "WordLevel", "vocab": {word: number for number, word in enumerate(words)}, "unk_token": words[0]}
    json.dump({"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": model, "added_tokens": []}, target)
end = words[0]
tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_file=folder + "/tokenizer.json", unk_token=end, eos_token=end, bos_token=end, pad_token=end
)
config = transformers.GPT2Config(
    vocab_size=len(words), n_positions=32, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0, pad_token_id=0
)
model = transformers.GPT2LMHeadModel(config).eval()
write = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
print(write("a b c", max_new_tokens=3, min_new_tokens=3, do_sample=False))
ids = tokenizer("a b", return_tensors="pt")
print(model.generate(**ids, max_new_tokens=3, min_new_tokens=3, do_sample=False).tolist())

model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
ctranslate2.converters.TransformersConverter(folder).convert(folder + "/converted")
generator = ctranslate2.Generator(folder + "/converted", device="cpu")
print(generator.generate_batch([["a", "b"]], max_length=4)[0].sequences)
print([step.token for step in generator.generate_tokens(["a"], max_length=3)])
print(generator.score_batch([["a", "b", "c"]])[0].log_probs)
