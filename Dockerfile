# The daemon alone, as a user of its own, over one volume: docker build -t timelined .
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY collector collector
COPY renderers renderers
RUN python -m venv /opt/timelined \
 && /opt/timelined/bin/pip install --no-cache-dir --constraint constraints.txt ".[postgres,sign]"

FROM python:3.13-slim
COPY --from=build /opt/timelined /opt/timelined
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/timelined
ENV PATH=/opt/timelined/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TIMELINED_STORAGE_URL=sqlite:////var/lib/timelined/timelined.db
USER 65532:65532
# Drafts and what is kept beside a server's log lie below it too; nothing else is written.
WORKDIR /var/lib/timelined
VOLUME ["/var/lib/timelined"]
EXPOSE 9720
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9720/-/healthy', timeout=4)"]
ENTRYPOINT ["timelined"]
CMD ["serve", "--config.file", "/etc/timelined/timelined.yml", "--web.listen-address", "0.0.0.0:9720"]
