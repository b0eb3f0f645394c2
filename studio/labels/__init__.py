"""The label store: who gave which label to which picture, and when. No torch, no gradio."""
