public import DarisCore

/// How a task set is served: where clients reach it, who may, and how much of them is borne.
///
/// ```yaml
/// serve:
///   http: 127.0.0.1:8000
///   grpc: 127.0.0.1:8001
///   tls: {certificate: server.pem, key: server.key}
///   tokens: {inference: clients.token, control: operators.token}
///   hosts: [daris.example]
///   limits: {body: 64 MiB, memory: 512 MiB, connections: 1024, waiting: 256, idle: 60 s, drain: 30 s}
/// ```
public struct ServeSettings: Hashable, Sendable, Codable {
    /// A host and a port to listen on.
    public struct Address: Hashable, Sendable, Codable, CustomStringConvertible {
        /// A name or number of this machine.
        public var host: String
        /// From 0, which means any that is free, to 65,535.
        public var port: Int

        /// An address.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Whether only this machine can reach it.
        public var isLoopback: Bool { Self.isLoopback(host: host) }

        /// Whether a name or number is certain to mean this machine: `localhost`, `::1`, `127.` and three numbers more.
        public static func isLoopback(host: String) -> Bool {
            guard host.lowercased() != "localhost", host != "::1" else { return true }
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127"
                && parts.allSatisfy { $0.allSatisfy(\.isASCII) && $0.first != "+" && UInt8($0) != nil }
        }

        /// As it is written: `127.0.0.1:8000`, `[::1]:8000`.
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Files of a certificate chain and its private key, in PEM.
    public struct TLS: Hashable, Sendable, Codable {
        /// The chain, the server's own certificate first.
        public var certificate: String
        /// The private key.
        public var key: String

        /// Files of a certificate.
        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// What is borne of clients.
    public struct Bounds: Hashable, Sendable, Codable {
        /// Bytes of a request's body, after decompression too.
        public var body = 64 << 20
        /// Bytes of an answer.
        public var answer = 64 << 20
        /// Bytes of all requests and answers at a time.
        public var memory = 512 << 20
        /// Connections at a time, HTTP and gRPC each.
        public var connections = 1_024
        /// Requests at a time, of all connections.
        public var requests = 4_096
        /// Requests of a model that wait for it to be free.
        public var waiting = 256
        /// How long a request may take to arrive in full, and an answer to be taken.
        public var receive = Nanoseconds.seconds(Int64(30))
        /// How long a connection may be silent.
        public var idle = Nanoseconds.seconds(Int64(60))
        /// How long requests may take to be answered once the server is told to end.
        public var drain = Nanoseconds.seconds(Int64(30))

        /// The defaults.
        public init() {}
    }

    /// Where HTTP is spoken, if it is.
    public var http: Address? = Address(host: "127.0.0.1", port: 8_000)
    /// Where gRPC is spoken, if it is.
    public var grpc: Address? = Address(host: "127.0.0.1", port: 8_001)
    /// The server's certificate; without it, nothing is encrypted.
    public var tls: TLS?
    /// A file with the tokens of clients, one a line; without it, everybody may ask for inferences.
    public var inferenceTokens: String?
    /// A file with the tokens of operators, who may load and unload models; without it, those of clients do.
    public var controlTokens: String?
    /// The only names, without ports, that clients may call the server by (the `Host` of HTTP); without them, this
    /// machine's own names where only it is listened to, and any name elsewhere.
    public var hosts: [String]?
    /// What is borne of clients.
    public var bounds = Bounds()

    /// The defaults: this machine alone, HTTP on 8000 and gRPC on 8001.
    public init() {}
}
