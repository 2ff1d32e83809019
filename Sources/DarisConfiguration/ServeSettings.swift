import DarisCore

/// How a task set is served: where clients reach it, who may, and how much of them is borne.
///
/// ```yaml
/// serve:
///   http: 127.0.0.1:8000
///   grpc: 127.0.0.1:8001
///   tls: {certificate: server.pem, key: server.key, client_ca: clients.pem}
///   tokens: {inference: clients.token, control: operators.token}
///   hosts: [daris.example]
///   origins: ["https://app.example"]
///   metrics: {triton: true, address: 127.0.0.1:8002}
///   drain: {delay: 5 s}
///   repository: {spare: 4, poll: 10 s}
///   limits: {body: 64 MiB, memory: 512 MiB, connections: 1024, waiting: 256, idle: 60 s, drain: 30 s}
/// ```
package struct ServeSettings: Hashable, Sendable, Codable {
    /// A host and a port to listen on.
    package struct Address: Hashable, Sendable, Codable, CustomStringConvertible {
        /// A name or number of this machine.
        package var host: String
        /// From 0, which means any that is free, to 65,535.
        package var port: Int

        /// An address.
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Whether only this machine can reach it.
        package var isLoopback: Bool { Self.isLoopback(host: host) }

        /// Whether a name or number is certain to mean this machine: `localhost`, `::1`, `127.` and three numbers more.
        package static func isLoopback(host: String) -> Bool {
            guard host.lowercased() != "localhost", host != "::1" else { return true }
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127"
                && parts.allSatisfy { $0.allSatisfy(\.isASCII) && $0.first != "+" && UInt8($0) != nil }
        }

        /// As it is written: `127.0.0.1:8000`, `[::1]:8000`.
        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Files of a certificate chain and its private key, in PEM.
    package struct TLS: Hashable, Sendable, Codable {
        /// The chain, the server's own certificate first.
        package var certificate: String
        /// The private key.
        package var key: String
        /// The certificates of authorities, one of which must have signed the certificate that each client shows; without
        /// it, clients show none.
        package var clientAuthority: String?

        /// Files of a certificate.
        package init(certificate: String, key: String, clientAuthority: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.clientAuthority = clientAuthority
        }
    }

    /// What Prometheus is told besides Daris' own metrics, and where.
    package struct Metrics: Hashable, Sendable, Codable {
        /// Whether it is told Triton's metrics, too.
        package var triton = false
        /// Where a listener answers for metrics alone; HTTP's own listener answers for them, too.
        package var address: Address?

        /// No more than Daris' own, by HTTP's own listener.
        package init() {}
    }

    /// How models come and go while the server runs.
    package struct Repository: Hashable, Sendable, Codable {
        /// For how many models beside those of the start there is a place; `nil` for as many as suit what is served.
        package var spare: Int?
        /// How often files are looked at for changes; `nil` for never.
        package var poll: Nanoseconds?

        /// The defaults.
        package init() {}
    }

    /// What is borne of clients.
    package struct Bounds: Hashable, Sendable, Codable {
        /// Bytes of a request's body, after decompression too.
        package var body = 64 << 20
        /// Bytes of an answer.
        package var answer = 64 << 20
        /// Bytes of all requests and answers at a time.
        package var memory = 512 << 20
        /// Connections at a time, HTTP and gRPC each.
        package var connections = 1_024
        /// Requests at a time, of all connections.
        package var requests = 4_096
        /// Requests of a model that wait for it to be free.
        package var waiting = 256
        /// How long a request may take to arrive in full, and an answer to be taken.
        package var receive = Nanoseconds.seconds(Int64(30))
        /// How long a connection may be silent.
        package var idle = Nanoseconds.seconds(Int64(60))
        /// How many times its MRET a low-priority stage may run before it is ended; 0 for as long as it takes.
        package var overrun = 20
        /// How long requests may take to be answered once the server is told to end.
        package var drain = Nanoseconds.seconds(Int64(30))

        /// The defaults.
        package init() {}
    }

    /// Where HTTP is spoken, if it is.
    package var http: Address? = Address(host: "127.0.0.1", port: 8_000)
    /// Where gRPC is spoken, if it is.
    package var grpc: Address? = Address(host: "127.0.0.1", port: 8_001)
    /// The server's certificate; without it, nothing is encrypted.
    package var tls: TLS?
    /// A file with the tokens of clients, one a line; without it, everybody may ask for inferences.
    package var inferenceTokens: String?
    /// A file with the tokens of operators, who may load and unload models; without it, those of clients do.
    package var controlTokens: String?
    /// The only names, without ports, that clients may call the server by (the `Host` of HTTP); without them, this
    /// machine's own names where only it is listened to, and any name elsewhere.
    package var hosts: [String]?
    /// The origins, such as `https://app.example`, whose web pages may ask for inferences and read the answers.
    package var origins: [String]?
    /// What Prometheus is told.
    package var metrics = Metrics()
    /// How long the server goes on taking requests, though it says that it is not ready, once it is told to end.
    package var drainDelay = Nanoseconds.zero
    /// How models come and go.
    package var repository = Repository()
    /// What is borne of clients.
    package var bounds = Bounds()

    /// All addresses that are listened on.
    package var addresses: [Address] { [http, grpc, metrics.address].compactMap(\.self) }

    /// The defaults: this machine alone, HTTP on 8000 and gRPC on 8001.
    package init() {}
}
