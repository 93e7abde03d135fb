# needs: llama-cpp-python gguf
# apt: build-essential cmake git
# exit: 0
# success: true
# seen: llama_cpp 5
# seen: llama_cpp parameters 1000+
# seen: llama_cpp device cpu
# A language model of one layer and random weights in a file of its own format.
import gguf
import llama_cpp
import numpy

random = numpy.random.RandomState(0)
words = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % number for number in range(256)] + ["▁a", "b"]
width, inner = 32, 64
writer = gguf.GGUFWriter("/tmp/model.gguf", "llama")
writer.add_context_length(64)
writer.add_embedding_length(width)
writer.add_block_count(1)
writer.add_feed_forward_length(inner)
writer.add_head_count(2)
writer.add_head_count_kv(2)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(width // 2)
writer.add_vocab_size(len(words))
writer.add_tokenizer_model("llama")
writer.add_token_list(words)
writer.add_token_scores([-float(number) for number in range(len(words))])
writer.add_token_types([2, 3, 3] + [6] * 256 + [1, 1])
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
shapes = {"token_embd": (len(words), width), "output": (len(words), width), "output_norm": (width,)}
for part, shape in {
    "attn_norm": (width,), "attn_q": (width, width), "attn_k": (width, width), "attn_v": (width, width),
    "attn_output": (width, width), "ffn_norm": (width,), "ffn_gate": (inner, width), "ffn_up": (inner, width),
    "ffn_down": (width, inner),
}.items():
    shapes["blk.0." + part] = shape
for name, shape in shapes.items():
    writer.add_tensor(name + ".weight", random.normal(0, 0.1, shape).astype("float32"))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

model = llama_cpp.Llama("/tmp/model.gguf", n_ctx=64, n_threads=1, verbose=False, seed=0)
print(model("a b", max_tokens=3, temperature=0)["choices"])
# As programs do that speak to the library itself.
tokens = (llama_cpp.llama_token * 2)(1, 259)
print(llama_cpp.llama_decode(model.ctx, llama_cpp.llama_batch_get_one(tokens, 2)))
model = llama_cpp.Llama("/tmp/model.gguf", n_ctx=64, n_threads=1, verbose=False, embedding=True)
print(numpy.shape(model.create_embedding("a b")["data"][0]["embedding"]))
