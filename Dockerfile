# The app for an ordinary user, on a file system that may be read-only:
#   docker build -t speech-emotion .
#   docker run --rm --read-only --tmpfs /tmp -p 7860:7860 speech-emotion
FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.lock ./
RUN python3 -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes \
    --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.lock
COPY LICENSE app.py ./
COPY examples examples
COPY page page
COPY ser ser
COPY server server
RUN /venv/bin/python -m compileall -q /app
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 GRADIO_NUM_PORTS=1
ENV GRADIO_TEMP_DIR=/tmp HF_HOME=/tmp/huggingface HOME=/tmp PYTHONUNBUFFERED=1
USER 1000:1000
EXPOSE 7860
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s \
 CMD ["/venv/bin/python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:7860/health', timeout=25)"]
CMD ["/venv/bin/python", "app.py"]
