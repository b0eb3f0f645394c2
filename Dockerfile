# docker build -t counterfactual-studio .                          for a CPU
# docker build --build-arg TORCH=https://download.pytorch.org/whl/cu128 -t counterfactual-studio .
FROM python:3.12-slim

ARG TORCH=https://download.pytorch.org/whl/cpu

# As Spaces run it: user 1000, who owns the one folder that is kept.
RUN useradd --create-home --uid 1000 studio && install -d -o studio /home/studio/kept
USER studio
WORKDIR /home/studio/app
ENV PATH=/home/studio/.local/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STUDIO_HOME=/home/studio/kept \
    STUDIO_HOST=0.0.0.0

COPY --chown=studio requirements.txt .
RUN pip install --no-cache-dir --user torch torchvision --index-url "$TORCH" \
    && pip install --no-cache-dir --user -r requirements.txt "psycopg[binary]>=3.2" "pydicom>=3"
COPY --chown=studio . .

VOLUME /home/studio/kept
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=8)"]
CMD ["python", "app.py"]
