import DarisCore

extension ServeSettings {
    /// Reads `serve:`; without it, the defaults.
    init(_ field: Field?) throws(ConfigurationError) {
        self.init()
        guard let field else { return }
        let section = try Section(
            field,
            keys: ["http", "grpc", "tls", "tokens", "hosts", "origins", "metrics", "repository", "drain", "limits"],
            example: "{http: 127.0.0.1:8000}")
        if let value = section["http"] { http = try Self.address(value) }
        if let value = section["grpc"] { grpc = try Self.address(value) }
        if let value = section["tls"] {
            let tls = try Section(
                value, keys: ["certificate", "key", "client_ca"],
                example: "{certificate: server.pem, key: server.key}")
            self.tls = TLS(
                certificate: try Self.path(try tls.required("certificate", example: "certificate: server.pem")),
                key: try Self.path(try tls.required("key", example: "key: server.key")),
                clientAuthority: try tls["client_ca"].map { file throws(ConfigurationError) in try Self.path(file) })
        }
        if let value = section["tokens"] {
            let tokens = try Section(value, keys: ["inference", "control"], example: "{inference: clients.token}")
            inferenceTokens = try tokens["inference"].map { file throws(ConfigurationError) in try Self.path(file) }
            controlTokens = try tokens["control"].map { file throws(ConfigurationError) in try Self.path(file) }
        }
        if let value = section["hosts"] { hosts = try Self.hosts(value) }
        if let value = section["origins"] { origins = try Self.origins(value) }
        if let value = section["metrics"] { metrics = try Metrics(value) }
        if let value = section["drain"] {
            let drain = try Section(value, keys: ["delay"], example: "{delay: 5 s}")
            if let delay = drain["delay"] { drainDelay = try delay.duration(in: Self.drainDelays) }
        }
        if let value = section["repository"] {
            let section = try Section(value, keys: ["spare", "poll"], example: "{spare: 4, poll: 10 s}")
            repository.spare = try section["spare"]?.integer(in: Self.spares)
            repository.poll = try section["poll"]?.duration(in: Self.polls)
        }
        if let value = section["limits"] { bounds = try Bounds(value) }
    }

    /// What the delay before a drain may be.
    package static let drainDelays = Nanoseconds.zero...Nanoseconds.seconds(Int64(3_600))
    /// The numbers of places that may be kept for models.
    package static let spares = 0...1_000
    /// The times that may lie between two looks at files.
    package static let polls = Nanoseconds.milliseconds(Int64(100))...Nanoseconds.seconds(Int64(86_400))

    /// Reads an address as it is written on a command line or in a file; `off` is none.
    ///
    /// - Parameter field: What it is for, to stand in the error.
    package static func parseAddress(_ text: String, field: String = "") throws(ConfigurationError) -> Address? {
        if text == "off" { return nil }
        let error = ConfigurationError(
            field: field, message: "\(text.quoted) is not an address; write for example '127.0.0.1:8000', or 'off'")
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw error }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw error
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "[]".contains($0) }) else { throw error }
        return Address(host: host, port: port)
    }

    fileprivate static func address(_ field: Field) throws(ConfigurationError) -> Address? {
        if (try? field.bool()) == false { return nil }
        let text = try field.text("an address", example: "127.0.0.1:8000")
        do { return try parseAddress(text) } catch { throw field.error(error.message) }
    }

    private static func hosts(_ field: Field) throws(ConfigurationError) -> [String] {
        let names = try field.elements(example: "[daris.example]")
        var hosts: [String] = []
        for name in names {
            let text = try name.text("a name", example: "daris.example").lowercased()
            guard !text.isEmpty,
                !text.contains(where: { $0.isWhitespace || ":/[]".contains($0) }) || text.contains("::")
            else { throw name.error("\(text.quoted) is not the name of a host; leave out scheme, port and brackets") }
            hosts.append(text)
        }
        guard !hosts.isEmpty else { throw field.error("no host is listed, so no client could be answered") }
        return hosts
    }

    private static func origins(_ field: Field) throws(ConfigurationError) -> [String] {
        var origins: [String] = []
        for name in try field.elements(example: "[\"https://app.example\"]") {
            let text = try name.text("an origin", example: "https://app.example")
            guard let origin = origin(text) else {
                throw name.error(
                    "\(text.quoted) is not an origin; write scheme, host and port alone, for example 'https://app.example'"
                )
            }
            origins.append(origin)
        }
        guard !origins.isEmpty else { throw field.error("no origin is listed; leave the key out") }
        return origins
    }

    /// An origin as browsers send it: lower case, and no port that its scheme has anyway.
    private static func origin(_ text: String) -> String? {
        let text = text.lowercased()
        for (scheme, usual) in [("https://", ":443"), ("http://", ":80")] where text.hasPrefix(scheme) {
            var place = text.dropFirst(scheme.count)
            guard place.utf8.allSatisfy({ (0x21...0x7e).contains($0) }),
                !place.contains(where: { "/?#@\\*".contains($0) }),
                let address = place.wholeMatch(of: /(\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?/)
            else { return nil }
            if address.output.2.map(String.init) == usual { place = place.dropLast(usual.count) }
            return scheme + place
        }
        return nil
    }

    private static func path(_ field: Field) throws(ConfigurationError) -> String {
        SourceFolder.resolve(try field.path(example: "server.pem"), in: field.file)
    }
}

extension ServeSettings.Metrics {
    init(_ field: Field) throws(ConfigurationError) {
        self.init()
        let section = try Section(field, keys: ["triton", "address"], example: "{triton: true}")
        if let value = section["triton"] { triton = try value.bool() }
        if let value = section["address"] { address = try ServeSettings.address(value) }
    }
}

extension ServeSettings.Bounds {
    init(_ field: Field) throws(ConfigurationError) {
        self.init()
        let section = try Section(
            field,
            keys: [
                "body", "answer", "memory", "connections", "requests", "waiting", "overrun", "receive", "idle", "drain",
            ],
            example: "{body: 64 MiB, connections: 1024}")
        func size(_ value: Field, to most: Int) throws(ConfigurationError) -> Int {
            let text = try value.text("a size", example: "64 MiB")
            do { return try Quantity.parseBytes(text, in: 1 << 10...most) } catch { throw value.error(error.message) }
        }
        if let value = section["body"] { body = try size(value, to: 4 << 30) }
        if let value = section["answer"] { answer = try size(value, to: 4 << 30) }
        if let value = section["memory"] {
            memory = try size(value, to: 1 << 40)
            guard memory >= max(body, answer) else {
                throw value.error(
                    "\(memory) B of memory for all requests is less than one may have (\(max(body, answer)) B); "
                        + "give it more, or lower 'body' and 'answer'")
            }
        } else {
            memory = max(memory, body, answer)
        }
        if let value = section["connections"] { connections = try value.integer(in: 1...1_000_000) }
        if let value = section["requests"] { requests = try value.integer(in: 1...65_536) }
        if let value = section["waiting"] { waiting = try value.integer(in: 0...65_536) }
        if let value = section["overrun"] { overrun = try value.integer(in: 0...1_000_000) }
        let times = Nanoseconds.milliseconds(Int64(10))...Nanoseconds.seconds(Int64(3_600))
        if let value = section["receive"] { receive = try value.duration(in: times) }
        if let value = section["idle"] { idle = try value.duration(in: times) }
        if let value = section["drain"] { drain = try value.duration(in: times) }
    }
}

extension Quantity {
    /// Reads a number of bytes such as `64 MiB`, `10 MB`, `4096`.
    ///
    /// - Parameter range: The numbers allowed.
    package static func parseBytes(_ text: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let units = [
            "": 1, "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "KiB": 1 << 10,
            "MiB": 1 << 20, "GiB": 1 << 30,
        ]
        let trimmed = text.filter { $0 != " " }
        let digits = trimmed.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), let unit = units[String(trimmed.dropFirst(digits.count))],
            case let (bytes, overflow) = number.multipliedReportingOverflow(by: unit), !overflow
        else {
            throw ConfigurationError(
                message:
                    "\(text.quoted) is not a size; write for example '64 MiB' (units: B, KiB, MiB, GiB, kB, MB, GB)")
        }
        guard range.contains(bytes) else {
            throw ConfigurationError(
                message: "\(text.quoted) is outside \(range.lowerBound) B to \(range.upperBound) B")
        }
        return bytes
    }

    /// A number of bytes in the largest unit that writes it as a whole number.
    static func formatBytes(_ bytes: Int) -> String {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where bytes.isMultiple(of: size) {
            return "\(bytes / size) \(unit)"
        }
        return "\(bytes) B"
    }
}
