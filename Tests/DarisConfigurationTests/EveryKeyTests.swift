import DarisConfiguration
import DarisCore
import Foundation
import Testing

/// Every key of a task set file, each with a value that is not its default.
@Suite("Every key of a task set")
struct EveryKeyTests {
    /// A mapping of the file: the text around it, what it holds at least, and what it holds with each key.
    struct Part: Sendable, CustomTestStringConvertible {
        var name: String
        var least: String
        var keys: [String: String]
        /// The file with the mapping in place of `@`.
        var file: String

        var testDescription: String { name }

        func text(_ entries: String) -> String { file.replacingOccurrences(of: "@", with: "{\(entries)}") }
    }

    static let parts = [
        Part(
            name: "the file", least: "models: {net: {builtin: resnet18}}, tasks: [\(task)]",
            keys: [
                "device": "models: {net: {builtin: resnet18}}, tasks: [\(task)], device: \"cuda:1\"",
                "partition": "models: {net: {builtin: resnet18}}, tasks: [\(task)], partition: {contexts: 2}",
                "isolation": "models: {net: {builtin: resnet18}}, tasks: [\(task)], isolation: process",
                "gpu": "models: {net: {builtin: resnet18}}, tasks: [\(task)], gpu: {precision: fp16}",
                "models": "models: {net: {builtin: unet}, other: {builtin: unet}}, tasks: [\(task)]",
                "tasks": "models: {net: {builtin: resnet18}}, tasks: [{name: b, model: net, rate: 2, priority: low}]",
                "load": "models: {net: {builtin: resnet18}}, tasks: [\(task)], load: 150 %",
                "scheduler": "models: {net: {builtin: resnet18}}, tasks: [\(task)], scheduler: {window: 7}",
                "run": "models: {net: {builtin: resnet18}}, tasks: [\(task)], run: {seed: 2}",
                "serve": "models: {net: {builtin: resnet18}}, tasks: [\(task)], serve: {grpc: off}",
            ], file: "@"),
        Part(
            name: "partition", least: "contexts: 2",
            keys: [
                "contexts": "contexts: 3", "streams": "contexts: 2, streams: 4",
                "oversubscription": "contexts: 2, oversubscription: 1.5", "express": "express: 0",
                "kind": "contexts: 2, kind: mps",
            ], file: "{models: {net: {builtin: resnet18}}, tasks: [\(task)], device: cuda, partition: @}"),
        Part(
            name: "gpu", least: "",
            keys: [
                "precision": "precision: fp16", "layout": "layout: nhwc", "engine": "engine: tensorrt",
                "graphs": "graphs: false", "tf32": "tf32: false", "nhwc": "nhwc: true",
            ],
            file: "{models: {net: {builtin: resnet18}}, tasks: [\(task)], gpu: @}"),
        Part(
            name: "a model", least: "builtin: resnet18",
            keys: [
                "builtin": "builtin: unet", "file": "file: m.onnx", "stages": "builtin: resnet18, stages: 3",
                "dimensions": "file: m.onnx, dimensions: {height: 256, \"a b\": 2}",
                "seed": "builtin: resnet18, seed: 9",
            ], file: "{models: {net: @}, tasks: [\(task)]}"),
        Part(
            name: "a task", least: "name: a, model: net, rate: 20 Hz, priority: high",
            keys: [
                "name": "name: b, model: net, rate: 20 Hz, priority: high",
                "model": "name: a, model: other, rate: 20 Hz, priority: high",
                "rate": "name: a, model: net, rate: 30 Hz, priority: high",
                "period": "name: a, model: net, period: 7 ms, priority: high",
                "deadline": "name: a, model: net, rate: 20 Hz, priority: high, deadline: 11 ms",
                "priority": "name: a, model: net, rate: 20 Hz, priority: low",
                "batch": "name: a, model: net, rate: 20 Hz, priority: high, batch: 4",
                "instances": "name: a, model: net, rate: 20 Hz, priority: high, instances: 4",
                "phase": "name: a, model: net, rate: 20 Hz, priority: high, phase: 0 s",
                "late": "name: a, model: net, rate: 20 Hz, priority: high, late: drop",
                "overrun": "name: a, model: net, rate: 20 Hz, priority: high, overrun: queue",
                "arrival": "name: a, model: net, rate: 20 Hz, priority: high, arrival: poisson",
                "count": "name: a, model: net, rate: 20 Hz, priority: high, count: 3",
            ], file: "{models: {net: {builtin: resnet18}, other: {builtin: unet}}, tasks: [@]}"),
        Part(name: "overrun", least: "queue: 3", keys: ["queue": "queue: 4"], file: taskWith("overrun")),
        Part(
            name: "arrival", least: "jitter: 1 ms",
            keys: [
                "jitter": "jitter: 2 ms", "sporadic": "sporadic: 10 ms", "on": "on: 200 ms, off: 800 ms",
                "off": "on: 200 ms, off: 900 ms", "trace": "trace: times.txt",
            ], file: taskWith("arrival")),
        Part(
            name: "scheduler", least: "",
            keys: [
                "policy": "policy: edf", "window": "window: 7", "wcet": "wcet: true",
                "last_stage_level": "last_stage_level: false", "late_level": "late_level: false",
                "fixed_priority": "fixed_priority: false", "migration": "migration: false",
                "admission": "admission: false", "forgetting": "forgetting: false", "staging": "staging: false",
                "batching": "batching: on", "batching_without": "batching: on, batching_without: [cohesion]",
                "rules": "rules: published",
            ], file: "{models: {net: {builtin: resnet18}}, tasks: [\(task)], scheduler: @}"),
        Part(
            name: "run", least: "", keys: ["duration": "duration: 3 s", "seed": "seed: 2"],
            file: "{models: {net: {builtin: resnet18}}, tasks: [\(task)], run: @}"),
        Part(
            name: "serve", least: "",
            keys: [
                "http": "http: \"[::1]:80\"", "grpc": "grpc: off", "tls": "tls: {certificate: a.pem, key: /b.key}",
                "tokens": "tokens: {inference: c}", "hosts": "hosts: [Daris.example, \"::1\"]",
                "origins": "origins: [\"https://[::1]:8443\", \"http://app.example\"]",
                "metrics": "metrics: {triton: true}",
                "drain": "drain: {delay: 5 s}", "limits": "limits: {waiting: 0}",
            ], file: "{models: {net: {builtin: resnet18}}, tasks: [\(task)], serve: @}"),
        Part(
            name: "tls", least: "certificate: a, key: b",
            keys: [
                "certificate": "certificate: \"c d\", key: b", "key": "certificate: a, key: /d",
                "client_ca": "certificate: a, key: b, client_ca: c",
            ],
            file: serving("tls")),
        Part(
            name: "metrics", least: "", keys: ["triton": "triton: true", "address": "address: \"[::1]:8002\""],
            file: serving("metrics")),
        Part(name: "drain", least: "", keys: ["delay": "delay: 5 s"], file: serving("drain")),
        Part(
            name: "tokens", least: "", keys: ["inference": "inference: c", "control": "control: d"],
            file: serving("tokens")),
        Part(
            name: "limits", least: "",
            keys: [
                "body": "body: 1 GiB", "answer": "answer: 1000 MB", "memory": "memory: 65 MiB, body: 1025",
                "connections": "connections: 3", "requests": "requests: 4", "waiting": "waiting: 0",
                "overrun": "overrun: 5",
                "receive": "receive: 5 s", "idle": "idle: 1500 ms", "drain": "drain: 2 min",
            ], file: serving("limits")),
    ]

    private static let task = "{name: a, model: net, rate: 20 Hz, priority: high}"

    private static func taskWith(_ key: String) -> String {
        "{models: {net: {builtin: resnet18}}, tasks: [{name: a, model: net, rate: 20 Hz, priority: high, \(key): @}]}"
    }

    private static func serving(_ key: String) -> String {
        "{models: {net: {builtin: resnet18}}, tasks: [\(task)], serve: {\(key): @}}"
    }

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("1 ms\n2 s\n", to: "times.txt")
    }

    private func read(_ text: String) throws(ConfigurationError) -> TaskSet {
        try TaskSet.parse(text, file: folder.path + "/t.yaml")
    }

    @Test("the keys tried are those that the reader knows", arguments: parts)
    func whole(part: Part) throws {
        let error = try #require(throws: ConfigurationError.self) { try read(part.text("nonsense: 1")) }
        let words = try #require(error.message.range(of: "allowed (is|are) ", options: .regularExpression))
        let known = error.message[words.upperBound...]
        #expect(Set(known.split(separator: ", ").map(String.init)) == Set(part.keys.keys))
    }

    @Test("what is written reads as an equal task set, whatever key is given", arguments: parts)
    func roundTrip(part: Part) throws {
        let least = try read(part.text(part.least))
        for (key, entries) in part.keys {
            let set = try read(part.text(entries))
            #expect(set != least, "\(key) is not tried")
            let text = set.rendered()
            let again = try read(text)
            #expect(again == set, "\(key): \(text)")
        }
    }

    @Test("copies are written as one task, as far as they are still alike")
    func copies() throws {
        let text = """
            {models: {net: {builtin: resnet18}}, tasks: [
              {name: a, model: net, rate: 20 Hz, priority: high, count: 3},
              {name: a-4, model: net, rate: 20 Hz, priority: high},
              {name: b, model: net, rate: 20 Hz, priority: high, count: 2}]}
            """
        var set = try read(text)
        #expect(set.rendered().contains("name: a, model: net, period: 50 ms, priority: high, count: 4}"))
        #expect(set.rendered().contains("name: b, model: net, period: 50 ms, priority: high, count: 2}"))
        #expect(try read(set.rendered()) == set)
        set.tasks[1].batch = 2
        set.tasks.removeLast()
        let again = try read(set.rendered())
        #expect(again == set)
        #expect(again.tasks.map(\.name) == ["a-1", "a-2", "a-3", "a-4", "b-1"])
    }

    @Test(
        "addresses and paths that could not be written again are refused",
        arguments: [
            "http: \"[[a]]:80\"", "http: \"a]:80\"", "tls: {certificate: \"\", key: b}", "tokens: {control: a/}",
        ])
    func refused(serve: String) {
        let text = "{models: {net: {builtin: resnet18}}, tasks: [\(Self.task)], serve: {\(serve)}}"
        #expect(throws: ConfigurationError.self) { try read(text) }
    }
}
