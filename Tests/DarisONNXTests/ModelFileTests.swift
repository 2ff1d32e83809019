import Foundation
import SwiftProtobuf
import Testing

@testable import DarisONNX

@Suite("Model files")
struct ModelFileTests {
    private let simple = Graphs.model(weights: ["w"], outputs: ["y"], [Graphs.node("Add", ["x", "w"], ["y"])])

    @Test("unknown parts of the format survive a round trip byte for byte")
    func unknownFields() throws {
        // A local function (field 25) and a field of a later version (900) of the model, device placement (10) of a
        // node, a quantisation annotation (14) of the graph.
        let function: [UInt8] = [0xca, 0x01, 0x05, 0x0a, 0x03, 0x66, 0x6f, 0x6f]
        let later: [UInt8] = [0xa2, 0x38, 0x03, 0x00, 0xff, 0x80]
        let placement: [UInt8] = [0x52, 0x02, 0x0a, 0x00]
        let annotation: [UInt8] = [0x72, 0x03, 0x0a, 0x01, 0x77]
        var proto = simple.proto
        try proto.merge(serializedBytes: function + later)
        try proto.graph.merge(serializedBytes: annotation)
        try proto.graph.node[0].merge(serializedBytes: placement)
        #expect(proto.unknownFields.data == Data(function + later))

        let bytes = try ONNXModel(proto: proto).serialized()
        let again = try ONNXModel(serialized: bytes)
        #expect(again.proto == proto)
        #expect(try again.serialized() == bytes)
        #expect(again.proto.unknownFields.data == Data(function + later))
        #expect(again.proto.graph.unknownFields.data == Data(annotation))
        #expect(again.proto.graph.node[0].unknownFields.data == Data(placement))

        let stage = try #require(try StageCutter(ModelGraph(again)).cut(at: []).first)
        #expect(stage.model.proto.unknownFields.data == Data(function + later))
        #expect(stage.model.proto.graph.node[0].unknownFields.data == Data(placement))
    }

    @Test("a model read from a file is the model written to it")
    func fileRoundTrip() throws {
        let folder = try TemporaryFolder()
        try simple.write(path: folder.path + "/a.onnx")
        let model = try ONNXModel.read(path: folder.path + "/a.onnx")
        #expect(model.proto == simple.proto)
        #expect(model.inputs == [Graphs.type("x")])
        #expect(model.outputs == [Graphs.type("y")])
        #expect(model.nodeCount == 1)
    }

    @Test(
        "a damaged or foreign file is refused with its name",
        arguments: [
            ("empty", []), ("text", Array("batch: 4\nmodel: resnet18\n".utf8)),
            ("html", Array("<!DOCTYPE html><html></html>".utf8)), ("zeros", [UInt8](repeating: 0, count: 64)),
            ("PNG", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ("version only", [0x08, 0x08]),
            ("graph too short", [0x08, 0x08, 0x3a, 0x7f, 0x01]),
            ("length of 2^63", [0x08, 0x08, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            ("graph without output", [0x08, 0x08, 0x3a, 0x00, 0x42, 0x02, 0x10, 0x11]),
            ("nested too deep", [UInt8](repeating: 0x3a, count: 400)),
        ] as [(String, [UInt8])])
    func malformed(kind: String, bytes: [UInt8]) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("bad.onnx", bytes)
        let error = #expect(throws: ONNXError.self, "\(kind)") { _ = try ONNXModel.read(path: path) }
        guard case .notAModel(path, _) = error else {
            Issue.record("\(kind): \(String(describing: error))")
            return
        }
        #expect(error?.description.contains(path) == true)
    }

    @Test("a model cut short anywhere is refused, never half read")
    func truncated() throws {
        let whole = try simple.serialized()
        for count in 0..<whole.count {
            #expect(throws: ONNXError.self, "first \(count) of \(whole.count) bytes") {
                _ = try ONNXModel(serialized: Array(whole.prefix(count)))
            }
        }
    }

    @Test("random damage never does worse than an error")
    func fuzzed() throws {
        let inner = Graphs.graph(inputs: [], outputs: ["z"], [Graphs.node("Add", ["x", "w"], ["z"])])
        let whole = try Graphs.model(
            weights: ["w"], outputs: ["y", "u"],
            [
                Graphs.node("If", ["x"], ["y"], subgraphs: [inner]), Graphs.node("Neg", ["w"], ["v"]),
                Graphs.node("Add", ["y", "v"], ["u"]),
            ]
        ).serialized()
        var generator = SeededGenerator(seed: 7)
        var understood = 0
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            do {
                let cutter = StageCutter(try ModelGraph(ONNXModel(serialized: bytes)))
                let positions = Array(1..<max(1, cutter.graph.nodes.count))
                _ = try cutter.cut(at: positions, boundaryTypes: Graphs.types(cutter.graph))
                understood += 1
            } catch {
                #expect(!"\(error)".isEmpty)
            }
        }
        #expect(understood > 0 && understood < 3000)
    }

    @Test("a path that is no regular file is refused at once")
    func notAFile() throws {
        let folder = try TemporaryFolder()
        #expect(throws: ONNXError.unreadable(path: folder.path, reason: "it is a directory")) {
            try ONNXModel.read(path: folder.path)
        }
        #expect(throws: ONNXError.unreadable(path: "/dev/zero", reason: "it is not a regular file")) {
            try ONNXModel.read(path: "/dev/zero")
        }
        let pipe = folder.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: ONNXError.unreadable(path: pipe, reason: "it is not a regular file")) {
            try ONNXModel.read(path: pipe)
        }
        let missing = folder.path + "/missing.onnx"
        #expect(throws: ONNXError.unreadable(path: missing, reason: "No such file or directory")) {
            try ONNXModel.read(path: missing)
        }
    }

    @Test("a file that cannot be written is named, and nothing is left behind")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        let nowhere = folder.path + "/no/such.onnx"
        #expect(throws: ONNXError.unwritable(path: nowhere, reason: "No such file or directory")) {
            try simple.write(path: nowhere)
        }
        #expect(throws: ONNXError.unwritable(path: folder.path, reason: "it is a directory")) {
            try simple.write(path: folder.path)
        }
        #expect(throws: ONNXError.unwritable(path: "/dev/null", reason: "it is not a regular file")) {
            try simple.write(path: "/dev/null")
        }
        let path = try folder.file("a.onnx", [1, 2, 3])
        try simple.write(path: path)
        #expect(try ONNXModel.read(path: path).nodeCount == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.onnx"])
    }

    @Test("a link stays a link: its target is written, and must exist")
    func link() throws {
        let folder = try TemporaryFolder()
        let link = folder.path + "/link.onnx"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "a.onnx")
        #expect(throws: ONNXError.unwritable(path: link, reason: "it is a link that leads nowhere")) {
            try simple.write(path: link)
        }
        let path = try folder.file("a.onnx", [1, 2, 3])
        try simple.write(path: link)
        #expect(try ONNXModel.read(path: path).nodeCount == 1)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "a.onnx")
    }

    @Test("a file of 2 GiB is refused before it is read")
    func tooLarge() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("large.onnx", [])
        #expect(truncate(path, off_t(ONNXModel.byteLimit)) == 0)
        #expect(throws: ONNXError.tooLarge(name: path, byteCount: ONNXModel.byteLimit)) {
            try ONNXModel.read(path: path)
        }
    }

    @Test("a model that would pass 2 GiB is refused before it is written")
    func tooLargeToWrite() throws {
        let folder = try TemporaryFolder()
        // The same 64 MiB many times over: 2 GiB on paper, 64 MiB in memory.
        let block = Data(count: 64 << 20)
        var model = simple
        model.proto.graph.initializer = (0..<32).map { index in
            var tensor = Graphs.weight("w\(index)")
            tensor.rawData = block
            return tensor
        }
        let path = folder.path + "/large.onnx"
        #expect(throws: ONNXError.tooLarge(name: path, byteCount: nil)) { try model.write(path: path) }
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(throws: ONNXError.self) { try model.serialized() }
    }

    @Test("an extra output is appended by name, once, and must exist")
    func extraOutputs() throws {
        let model = Graphs.model(
            outputs: ["y"], [Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["y"])])
        let more = try model.withExtraOutputs(["a", "y", "a"])
        #expect(more.proto.graph.output.map(\.name) == ["y", "a"])
        #expect(!more.proto.graph.output[1].hasType)
        #expect(more.outputs[1] == TensorDescription(name: "a", elementType: 0, dimensions: nil))
        #expect(throws: ONNXError.noSuchTensor(tensor: "b")) { try model.withExtraOutputs(["b"]) }
        #expect(throws: ONNXError.noSuchTensor(tensor: "")) { try model.withExtraOutputs([""]) }
    }

    @Test("a node without a name gets its name in the graph")
    func nodeNames() throws {
        var model = Graphs.model(
            outputs: ["y"], [Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["y"])])
        model.proto.graph.node[1].name = ""
        let named = model.withNodeNames()
        #expect(named.proto.graph.node.map(\.name) == ["a", "Neg_1"])
        #expect(try ModelGraph(model).nodes.map(\.name) == ["a", "Neg_1"])
    }

    @Test("an input that a weight fills is not asked for")
    func filledInputs() throws {
        let model = Graphs.model(
            inputs: ["x", "w"], weights: ["w"], outputs: ["y"], [Graphs.node("Add", ["x", "w"], ["y"])])
        #expect(model.inputs.map(\.name) == ["x"])
        let stages = try StageCutter(ModelGraph(model)).cut(at: [])
        #expect(stages[0].interface.inputs == ["x"])
        #expect(stages[0].model.proto.graph.input.map(\.name) == ["x"])
        var old = model
        old.proto.irVersion = 3
        let oldStages = try StageCutter(ModelGraph(old)).cut(at: [])
        #expect(oldStages[0].interface.inputs == ["x"])
        #expect(oldStages[0].model.proto.graph.input.map(\.name) == ["x", "w"])
    }
}
