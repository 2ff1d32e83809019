import DarisCore
import Testing

@testable import DarisConfiguration

@Suite("The serve section")
struct ServeSettingsTests {
    private func settings(_ text: String) throws(ConfigurationError) -> ServeSettings {
        try TaskSet.parse(
            """
            models: {net: {builtin: resnet18}}
            tasks: [{name: a, model: net, rate: 1 Hz, priority: low, arrival: sporadic}]
            serve: \(text)
            """, file: "folder/set.yaml"
        ).serve
    }

    @Test("every key is read, and paths lie beside the file")
    func whole() throws {
        let read = try settings(
            """
            {http: "[::1]:80", grpc: off, tls: {certificate: a.pem, key: /b.key, client_ca: ca.pem},
             tokens: {inference: c, control: d}, hosts: [Daris.example, "::1"],
             origins: ["HTTPS://App.example:443", "http://[::1]:3000", "http://localhost:443"],
             metrics: {triton: true, address: "127.0.0.1:8002"}, drain: {delay: 5 s},
             limits: {body: 2 MiB, answer: 3 MiB, memory: 4 MiB, connections: 3, requests: 4, waiting: 0, receive: 5 s, idle: 6 s, drain: 7 s}}
            """)
        #expect(read.http == .init(host: "::1", port: 80) && read.grpc == nil)
        #expect(read.http?.description == "[::1]:80")
        #expect(read.tls == .init(certificate: "folder/a.pem", key: "/b.key", clientAuthority: "folder/ca.pem"))
        #expect(read.origins == ["https://app.example", "http://[::1]:3000", "http://localhost:443"])
        #expect(read.metrics.triton && read.metrics.address == .init(host: "127.0.0.1", port: 8_002))
        #expect(read.addresses.map(\.port) == [80, 8_002] && read.drainDelay == .seconds(Int64(5)))
        #expect(read.inferenceTokens == "folder/c" && read.controlTokens == "folder/d")
        #expect(read.hosts == ["daris.example", "::1"])
        #expect(read.bounds.answer == 3 << 20 && read.bounds.memory == 4 << 20)
        #expect(read.bounds.body == 2 << 20 && read.bounds.connections == 3 && read.bounds.requests == 4)
        #expect(read.bounds.waiting == 0 && read.bounds.receive == .seconds(Int64(5)))
        #expect(read.bounds.idle == .seconds(Int64(6)) && read.bounds.drain == .seconds(Int64(7)))
    }

    @Test("without the section only this machine is listened to")
    func defaults() throws {
        let read = try settings("{}")
        #expect(read == ServeSettings() && read.http?.isLoopback == true && read.grpc?.isLoopback == true)
        for (host, isLoopback) in [
            ("localhost", true), ("::1", true), ("127.1.2.3", true), ("0.0.0.0", false), ("::", false),
            ("LOCALHOST", true), ("127.evil", false), ("127.0.0.1.evil.example", false), ("localhost.evil", false),
            ("127.0.0.256", false), ("127.0.0", false), ("127.0.0.+1", false), ("", false),
        ] {
            #expect(ServeSettings.Address(host: host, port: 1).isLoopback == isLoopback)
        }
    }

    @Test(
        "what is wrong is said, with its place",
        arguments: [
            ("{htp: x}", "unknown key 'htp'"), ("{http: 8000}", "is not an address"),
            ("{http: \"a:99999\"}", "is not an address"),
            ("{http: \"::1:80\"}", "is not an address"), ("{tls: {key: a}}", "'certificate' is missing"),
            ("{hosts: []}", "no host is listed"), ("{hosts: [\"http://a\"]}", "leave out scheme"),
            ("{hosts: [\"a:80\"]}", "leave out scheme"), ("{limits: {memory: 1 MiB}}", "less than one may have"),
            ("{limits: {body: 64}}", "is outside 1024 B"), ("{limits: {body: 64 MX}}", "is not a size"),
            ("{origins: [\"app.example\"]}", "is not an origin"), ("{origins: [\"https://a/b\"]}", "is not an origin"),
            ("{origins: [\"*\"]}", "is not an origin"), ("{origins: []}", "no origin is listed"),
            ("{drain: 5 s}", "serve.drain"), ("{drain: {delay: 2 h}}", "serve.drain.delay"),
            ("{metrics: {address: 8002}}", "is not an address"), ("{metrics: {triton: 1}}", "serve.metrics.triton"),
            ("{limits: {connections: 0}}", "serve.limits.connections"), ("{limits: {drain: 10}}", "serve.limits.drain"),
        ])
    func wrong(text: String, words: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try settings(text) }
        #expect(error.description.contains(words) && error.line == 3, "\(error)")
    }
}
