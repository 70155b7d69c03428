"""How the gRPC server treats connections: its settings in the words of gRPC's core.

Without them gRPC takes a client that pings every few seconds, as some exporters are set up to, for an attack, and
waits two minutes for one that says nothing.
Source: https://github.com/grpc/grpc/blob/master/include/grpc/impl/channel_arg_names.h.
"""

from datetime import timedelta

import grpc

from collector.otlp.settings import GrpcConfig
from collector.otlp.tls import Certificates, TlsConfig, read_certificates, server_context

METADATA_MAX_BYTES = 16_384
HANDSHAKE_TIMEOUT_MS = 20_000
LOOKAHEAD_BYTES = 2**20
_NEVER_MS = 2**31 - 1

Option = tuple[str, int]


def server_options(config: GrpcConfig) -> list[Option]:
    """Channel arguments; durations in milliseconds."""
    pings, policy = config.keepalive.server_parameters, config.keepalive.enforcement_policy
    options: list[Option] = [
        ("grpc.max_receive_message_length", config.max_request_bytes),
        ("grpc.so_reuseport", 0),
        ("grpc.http2.bdp_probe", 0),  # or each waiting message brings megabytes nobody asked for yet
        ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
        ("grpc.max_allowed_incoming_connections", config.max_connections),
        ("grpc.max_metadata_size", METADATA_MAX_BYTES),
        ("grpc.absolute_max_metadata_size", 2 * METADATA_MAX_BYTES),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_TIMEOUT_MS),
        ("grpc.keepalive_time_ms", _ms(pings.time)),
        ("grpc.keepalive_timeout_ms", _ms(pings.timeout)),
        ("grpc.keepalive_permit_without_calls", int(policy.permit_without_stream)),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(policy.min_time)),
    ]
    ages = {
        "grpc.max_connection_idle_ms": pings.max_connection_idle,
        "grpc.max_connection_age_ms": pings.max_connection_age,
        "grpc.max_connection_age_grace_ms": pings.max_connection_age_grace,
    }
    options += [(name, _ms(age)) for name, age in ages.items() if age is not None]
    if config.max_concurrent_streams is not None:
        options.append(("grpc.max_concurrent_streams", config.max_concurrent_streams))
    return options


class Credentials:
    """A listener's certificate for gRPC, which asks at each handshake whether there is a newer one."""

    def __init__(self, tls: TlsConfig) -> None:
        """ConfigError names the setting whose file cannot be used."""
        server_context(tls)
        self._newer: Certificates | None = None
        first = _configuration(read_certificates(tls))
        self.made = grpc.dynamic_ssl_server_credentials(
            first,
            self._fetch,  # type: ignore[arg-type] # the stub does not know None, which means: no newer one
            require_client_authentication=tls.client_ca_file is not None,
        )

    def renew(self, certificates: Certificates) -> None:
        """Use these from the next handshake on."""
        self._newer = certificates

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        newer, self._newer = self._newer, None
        return _configuration(newer) if newer else None


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    pair = (certificates.key, certificates.chain)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=certificates.client_ca)


def _ms(duration: timedelta) -> int:
    return min(round(duration.total_seconds() * 1_000), _NEVER_MS)
