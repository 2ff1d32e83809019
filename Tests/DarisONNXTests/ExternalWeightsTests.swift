import Foundation
import Testing

@testable import DarisONNX

@Suite("External weights")
struct ExternalWeightsTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/model.onnx"
    }

    private func write(_ entries: [String: String], dims: [Int64] = [2]) throws {
        var model = Graphs.model(weights: ["w"], outputs: ["y"], [Graphs.node("Add", ["x", "w"], ["y"])])
        model.proto.graph.initializer[0] = external(entries, dims: dims)
        try model.write(path: path)
    }

    private func external(_ entries: [String: String], dims: [Int64] = [2]) -> ONNXTensorProto {
        var tensor = Graphs.weight("w")
        tensor.clearRawData()
        tensor.dims = dims
        tensor.dataLocation = 1
        tensor.externalData = entries.map { key, value in
            var entry = ONNXStringStringEntryProto()
            entry.key = key
            entry.value = value
            return entry
        }
        return tensor
    }

    private func reason() throws -> String? {
        let error = #expect(throws: ONNXError.self) { _ = try ONNXModel.read(path: path) }
        guard case .externalData(path, "w", let reason) = error else { return nil }
        return reason
    }

    @Test("weights are read into the model from their offset, with or without a length")
    func loaded() throws {
        _ = try folder.file("w.bin", Array(0..<20))
        for entries in [
            ["location": "w.bin", "offset": "4", "length": "8"], ["location": "./w.bin", "offset": "4"],
        ] {
            try write(entries)
            let tensor = try ONNXModel.read(path: path).proto.graph.initializer[0]
            #expect(tensor.rawData == Data(4..<12))
            #expect(tensor.externalData.isEmpty && !tensor.hasDataLocation)
        }
    }

    @Test("weights are found inside subgraphs and constants, too")
    func nested() throws {
        _ = try folder.file("w.bin", Array(0..<8))
        var inner = Graphs.graph(inputs: [], outputs: ["z"], [Graphs.node("Add", ["x", "w"], ["z"])])
        inner.initializer = [external(["location": "w.bin"])]
        var constant = Graphs.node("Constant", [], ["c"])
        var attribute = ONNXAttributeProto()
        attribute.name = "value"
        attribute.t = external(["location": "w.bin"])
        constant.attribute = [attribute]
        try Graphs.model(
            outputs: ["y", "u"],
            [
                Graphs.node("If", ["x"], ["y"], subgraphs: [inner]), constant, Graphs.node("Add", ["y", "c"], ["u"]),
            ]
        ).write(path: path)
        let graph = try ONNXModel.read(path: path).proto.graph
        #expect(graph.node[0].attribute[0].g.initializer[0].rawData == Data(0..<8))
        #expect(graph.node[1].attribute[0].t.rawData == Data(0..<8))
    }

    @Test(
        "a location outside the model's folder is refused",
        arguments: ["../w.bin", "/etc/passwd", "sub/../../w.bin", "..", "", ".", "link.bin", "w.bin\0x"])
    func escape(location: String) throws {
        _ = try folder.file("w.bin", Array(0..<8))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link.bin", withDestinationPath: "/etc/passwd")
        try write(["location": location])
        #expect(try reason() != nil)
    }

    @Test("a model that is itself a link may have its weights where it links to")
    func linkedModel() throws {
        let store = folder.path + "/store"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
        _ = try folder.file("store/blob", Array(0..<8))
        try write(["location": "w.bin"])
        try FileManager.default.moveItem(atPath: path, toPath: store + "/model")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: store + "/model")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/w.bin", withDestinationPath: store + "/blob")
        #expect(try ONNXModel.read(path: path).proto.graph.initializer[0].rawData == Data(0..<8))
    }

    @Test(
        "offset and length must lie within the file and suit the shape",
        arguments: [
            ["offset": "4"], ["offset": "9", "length": "0"], ["length": "9"], ["length": "4"], ["offset": "-1"],
            ["length": "many"], ["offset": "9223372036854775807", "length": "8"],
            ["length": "9223372036854775807"],
        ])
    func bounds(entries: [String: String]) throws {
        _ = try folder.file("w.bin", Array(0..<8))
        try write(entries.merging(["location": "w.bin"]) { first, _ in first })
        #expect(try reason() != nil)
    }

    @Test("a missing file is named")
    func missing() throws {
        try write(["location": "weights/w.bin"])
        #expect(try reason()?.contains("weights/w.bin is missing") == true)
    }

    @Test("weights that pass 2 GiB together are refused before they are read")
    func tooLarge() throws {
        let file = try folder.file("w.bin", [])
        #expect(truncate(file, 3 << 30) == 0)
        try write(["location": "w.bin"], dims: [3 << 28])
        let error = #expect(throws: ONNXError.self) { _ = try ONNXModel.read(path: path) }
        guard case .tooLarge(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
