import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Triton's model configurations")
struct TritonConfigTests {
    private static let text = """
        # A comment.
        name: "classify"
        platform: 'onnxruntime_onnx'; backend: "onnx" "runtime"
        max_batch_size: 0
        input [ { name: "input" data_type: TYPE_FP32 dims: [ 1, 3, 224, -1 ] } ]
        output { name: "output", data_type: TYPE_FP32, dims: 1 dims: 1000 }
        instance_group [ { count: 2 kind: KIND_CPU }, { count: 3 kind: KIND_GPU gpus: [ 0 ] } ]
        dynamic_batching {
          preferred_batch_size: [ 4, 8 ]
          max_queue_delay_microseconds: 100
          priority_levels: 2
          default_priority_level: 1
          default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 50000 max_queue_size: 16 }
        }
        version_policy: { latest { num_versions: 2 } }
        model_warmup [ { name: "w" batch_size: 1 inputs { key: "x" value: { data_type: TYPE_FP32 dims: 3 zero_data: true } } } ]
        parameters { key: "EXECUTION_MODE" value: { string_value: "1" } }
        sequence_batching < max_sequence_idle_microseconds: -5 >
        """

    private func config(_ text: String) throws -> TritonConfig { try TritonConfig(try ConfigMessage(text: text)) }

    private func problem(_ text: String) -> ConfigMessage.Problem? {
        do { _ = try config(text) } catch { return error as? ConfigMessage.Problem }
        return nil
    }

    @Test("what is known is read, and what is not is named")
    func whole() throws {
        let config = try config(Self.text)
        #expect(config.name == "classify" && config.backend == "onnxruntime" && config.instances == 5)
        #expect(config.inputs == [.init(name: "input", type: "TYPE_FP32", dims: [1, 3, 224, -1])])
        #expect(config.outputs.first?.dims == [1, 1_000])
        #expect(config.priority == .high && config.deadline == .milliseconds(Int64(50)) && config.lateness == .drop)
        #expect(config.waiting == 16 && config.versions == .latest(2))
        #expect(config.unknown == ["parameters.EXECUTION_MODE", "sequence_batching"])
        #expect(config.notes.count == 5 && config.notes.contains { $0.hasPrefix("model_warmup: ") })
        #expect(
            config.obstacle(for: "classify") == nil && config.obstacle(for: "other")?.contains("'classify'") == true)
    }

    @Test("a task follows it where it says something, and keeps its defaults where not")
    func task() throws {
        let defaults = ModelDefaults(deadline: .seconds(Int64(1)), instances: 4)
        var task = defaults.task("m")
        try config("name: 'm'").apply(to: &task)
        #expect(task == defaults.task("m"))
        try config(Self.text).apply(to: &task)
        #expect(task.instances == 5 && task.priority == .high && task.lateness == .drop)
        #expect(task.deadline == .milliseconds(Int64(50)) && task.period == .milliseconds(Int64(50)))
        var low = defaults.task("m")
        try config("dynamic_batching { priority_levels: 3 default_priority_level: 2 }").apply(to: &low)
        #expect(low.priority == .low)
    }

    @Test(
        "what is wrong is said with its line or field",
        arguments: [
            ("name: \"a", 1, "quotes"), ("\n\nname \"a\"", 3, "':'"), ("input [ { name: 'a' }", 1, "']'"),
            ("a { b { c: 1 }", 1, "'}'"), ("max_batch_size: many", 0, "'many'"), ("max_batch_size: -1", 0, "'-1'"),
            ("instance_group { count: 1000 }", 0, "256"), ("name: { x: 1 }", 0, "'name'"), ("}", 1, "name"),
            ("parameters { key: 'priority' value { string_value: 'urgent' } }", 0, "'urgent'"),
            (String(repeating: "a {", count: 100), 1, "deep"), ("name: 'a\\q'", 1, "\\q"),
        ])
    func problems(text: String, line: Int, words: String) throws {
        let found = try #require(problem(text))
        #expect(found.line == line && found.text.contains(words), "\(found)")
    }

    @Test("JSON says the same, in Protocol Buffers' camel case too")
    func json() throws {
        let config = try TritonConfig(
            try ConfigMessage(
                json: """
                    {"maxBatchSize": 8, "instance_group": [{"count": 2}, {"count": "1"}], "modelTransactionPolicy": {"decoupled": false},
                     "parameters": {"priority": {"string_value": "high"}, "deadline_us": {"stringValue": "5000"}}, "cat": null}
                    """))
        #expect(config.maxBatchSize == 8 && config.instances == 3 && config.priority == .high)
        #expect(config.deadline == .milliseconds(Int64(5)) && config.unknown.isEmpty)
        #expect(throws: ConfigMessage.Problem.self) { try ConfigMessage(json: "[1]") }
        #expect(
            try TritonConfig(try ConfigMessage(json: "{\"model_transaction_policy\": {\"decoupled\": true}}")).unknown
                == ["model_transaction_policy.decoupled"])
    }

    @Test("inputs and outputs must be the model's; -1 is any length")
    func tensors() throws {
        let signature = ModelSignature(
            inputs: [.init(name: "input", elementType: .float32, shape: [1, 3, 224, 224])],
            outputs: [.init(name: "output", elementType: .float32, shape: [1, 1_000])])
        let good = try config(Self.text)
        #expect(good.mismatch(with: signature) == nil)
        for (wrong, words) in [
            ("input { name: 'image' }", "has an input 'image', the model has input"),
            ("input { name: 'input' data_type: TYPE_INT8 }", "is TYPE_INT8, the model that it is TYPE_FP32"),
            ("output { name: 'output' dims: [ 1000 ] }", "has dims [1000], the model that it has [1, 1000]"),
            ("max_batch_size: 4 output { name: 'output' dims: [ 10 ] }", "[1000] behind the batch"),
        ] {
            let mismatch = try config(wrong).mismatch(with: signature)
            #expect(mismatch?.contains(words) == true, "\(mismatch ?? "nothing")")
        }
        #expect(try config("max_batch_size: 4 output { name: 'output' dims: 1000 }").mismatch(with: signature) == nil)
    }

    @Test("parameters over gRPC are read from the bytes of the message, and none of them is let be")
    func parameters() throws {
        func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
        func entry(_ key: String, _ value: [UInt8]) -> [UInt8] {
            field(3, field(1, Array(key.utf8)) + field(2, value))
        }
        let config = entry("config", field(3, Array("{\"instance_group\": {\"count\": 2}}".utf8)))
        #expect(try ControlParameters(fields: Data(config)).overrides().config?.instances == 2)
        #expect(try ControlParameters(fields: Data()).overrides() == .none)
        let file = config + entry("file:1/model.onnx", field(4, [1, 2, 3]))
        #expect(throws: InferenceError.self) { try ControlParameters(fields: Data(file)).overrides() }
        #expect(throws: InferenceError.self) { try ControlParameters(fields: Data([0x1a, 200])) }
        try ControlParameters(fields: Data(entry("unload_dependents", [8, 1]))).checkUnload()
        #expect(throws: InferenceError.self) { try ControlParameters(fields: Data(config)).checkUnload() }
    }
}

@Suite("Where models come from")
struct ModelSourceTests {
    private let folder = NSTemporaryDirectory() + "daris-source-\(UUID().uuidString)"
    private let defaults = ModelDefaults(deadline: .seconds(Int64(1)), instances: 2)

    private func write(_ path: String, _ text: String = "x") throws {
        let url = URL(fileURLWithPath: folder + "/" + path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func versions(_ source: TritonRepository, _ name: String) -> [String] {
        source.look(at: name, .none).map { "\($0.version)\($0.usable == nil ? "!" : "")" }
    }

    @Test("a repository has the versions that its policy picks, by number")
    func policies() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for version in [1, 2, 9, 10] { try write("m/\(version)/model.onnx") }
        try write("m/03/model.onnx")
        try write("m/labels/x.txt")
        let source = TritonRepository(folder, defaults)
        #expect(try source.names() == ["m"])
        #expect(versions(source, "m") == ["10"])
        for (policy, expected) in [
            ("latest { num_versions: 2 }", ["9", "10"]), ("all { }", ["1", "2", "9", "10"]),
            ("specific { versions: [ 2, 1 ] }", ["1", "2"]), ("specific { versions: 7 }", ["10!"]),
        ] {
            try write("m/config.pbtxt", "version_policy { \(policy) }")
            #expect(versions(source, "m") == expected, "\(policy)")
        }
        #expect(source.look(at: "../m", .none).isEmpty && source.look(at: "n", .none).isEmpty)
        #expect(throws: ServerError.self) { try TritonRepository(folder + "/none", defaults).names() }
    }

    @Test("what a configuration says becomes the task's, and what is not known is told with file and field")
    func configured() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("m/4/net.onnx")
        try write(
            "m/config.pbtxt",
            "default_model_filename: 'net.onnx' instance_group { count: 3 } ensemble_scheduling { step { } } max_batch_size: 8"
        )
        let found = try #require(TritonRepository(folder, defaults).look(at: "m", .none).first)
        #expect(found.usable?.task.name == "m/4" && found.usable?.task.instances == 3)
        #expect(found.notes.count == 2 && found.notes[0].hasPrefix("\(folder)/m/config.pbtxt: ensemble_scheduling: "))
        try write("m/config.pbtxt", "backend: 'python'")
        #expect(
            TritonRepository(folder, defaults).look(at: "m", .none).first?.unavailable?.reason.contains("python")
                == true)
        try write("m/config.pbtxt", "oops")
        #expect(
            TritonRepository(folder, defaults).look(at: "m", .none).first?.unavailable?.reason.contains("line 1")
                == true)
        try write("m/config.pbtxt", "")
        #expect(
            TritonRepository(folder, defaults).look(at: "m", .none).first?.unavailable?.reason
                == "version 4 has no file 'model.onnx'")
    }

    @Test("a changed, and a replaced, file has another stamp")
    func stamps() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("a.onnx")
        let source = ModelFolder(folder, defaults)
        let before = source.look(at: "a", .none).first?.stamps
        #expect(source.look(at: "a", .none).first?.stamps == before)
        try write("a.onnx", "xy")
        let changed = source.look(at: "a", .none).first?.stamps
        #expect(changed != before)
        try write("a.onnx.data")
        #expect(source.look(at: "a", .none).first?.stamps != changed, "its weights belong to it")
        #expect(source.look(at: "a", ModelOverrides(config: TritonConfig())).first?.usable?.task.instances == 2)
        #expect(source.look(at: "b", .none).isEmpty && source.look(at: "../a", .none).isEmpty)
    }
}
