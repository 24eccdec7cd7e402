"""Traces of Hugging Face transformers' models; needs the extra `hf`."""

from ._vilt import vilt

__all__ = ["vilt"]
