"""Hugging Face model folders, which may be anybody's: nothing in them is run, and nothing is fetched for them."""

# For each from_pretrained: no code that the folder brings (without an answer transformers would ask on the terminal),
# and no other repository that it names.
ONLY_DATA = {"trust_remote_code": False, "local_files_only": True}
