"""The label store: who said what about which picture, and when. No torch, no gradio."""
