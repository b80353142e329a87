# The image of Daybook: docker build --tag daybook .
#
# Python and Debian are those that the tests run on. The first stage installs the locked versions and
# tries them, by the two scripts that a test runs as well.
FROM python:3.11-slim-bookworm AS build
RUN groupadd --system --gid 10001 daybook \
    && useradd --system --uid 10001 --gid daybook --no-create-home --shell /usr/sbin/nologin daybook
COPY . /source
RUN /source/service/operating/install.sh /source /opt/daybook
USER 10001:10001
RUN /source/service/operating/rehearse.sh /opt/daybook

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 daybook \
    && useradd --system --uid 10001 --gid daybook --no-create-home --shell /usr/sbin/nologin daybook \
    && install --directory --owner=daybook --group=daybook --mode=0700 /var/lib/daybook
COPY --from=build /opt/daybook /opt/daybook
ENV PATH=/opt/daybook/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    DAYBOOK_HOST=0.0.0.0 \
    DAYBOOK_DATA_DIR=/var/lib/daybook
# daybook.toml is read from here
WORKDIR /etc/daybook
VOLUME ["/var/lib/daybook"]
# by number, for those who demand that it is not root
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/daybook/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["/opt/daybook/bin/daybook"]
CMD ["serve"]
