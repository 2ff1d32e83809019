internal import Foundation
internal import SwiftProtobuf

/// A neural network in the ONNX format, with its weights.
///
/// ```swift
/// let model = try ONNXModel.read(path: "resnet18.onnx")
/// print(model.inputs, model.outputs)
/// let stages = try StageCutter(ModelGraph(model)).cut(at: [20, 41], boundaryTypes: types)
/// ```
///
/// Parts of a file that Daris does not know (model local functions, training information, fields of later versions) are
/// kept and written back.
package struct ONNXModel: Sendable {
    /// A protobuf message, and so a model with its weights, must be shorter than this many bytes.
    package static let byteLimit = 0x7fff_ffff

    var proto: ONNXModelProto

    init(proto: ONNXModelProto) { self.proto = proto }
}

// MARK: Files

extension ONNXModel {
    /// Reads a model file. Weights in other files of its folder are loaded into the model.
    ///
    /// - Throws: ``ONNXError`` if the file is missing, damaged, no ONNX model, or 2 GiB or more with its weights, or if
    ///   an external weight is missing, too short or outside its folder.
    package static func read(path: String) throws(ONNXError) -> ONNXModel {
        let data: Data
        do {
            let file = try RegularFile(path: path)
            guard file.byteCount < byteLimit else {
                throw ONNXError.tooLarge(name: path, byteCount: file.byteCount)
            }
            data = try file.read(offset: 0, count: file.byteCount)
        } catch let error as ONNXError {
            throw error
        } catch let error as RegularFile.Failure {
            throw .unreadable(path: path, reason: error.reason)
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
        var model = try ONNXModel(decoding: data, name: path)
        var weights = ExternalWeights(modelPath: path, byteCount: data.count)
        try weights.load(into: &model.proto.graph)
        return model
    }

    /// Reads a model from the bytes of a file; `name` is for errors. External weights are not loaded.
    package init(serialized bytes: [UInt8], name: String = "the model") throws(ONNXError) {
        guard bytes.count < Self.byteLimit else { throw .tooLarge(name: name, byteCount: bytes.count) }
        self = try ONNXModel(decoding: Data(bytes), name: name)
    }

    private init(decoding data: Data, name: String) throws(ONNXError) {
        guard !data.isEmpty else { throw .notAModel(path: name, reason: "the file is empty") }
        let proto: ONNXModelProto
        do {
            proto = try ONNXModelProto(serializedBytes: data)
        } catch {
            throw .notAModel(
                path: name, reason: "it is damaged, cut short or of another format (\(Self.reason(of: error)))")
        }
        guard proto.irVersion > 0 else { throw .notAModel(path: name, reason: "it states no ONNX version") }
        guard proto.hasGraph else { throw .notAModel(path: name, reason: "it has no graph") }
        guard proto.irVersion < 3 || !proto.opsetImport.isEmpty else {
            throw .notAModel(path: name, reason: "it names no operator set; the file may be cut short")
        }
        guard !proto.graph.output.isEmpty else { throw .notAModel(path: name, reason: "its graph has no output") }
        self.proto = proto
    }

    /// The model as the bytes of a file.
    ///
    /// - Throws: ``ONNXError/tooLarge(name:byteCount:)`` if they are 2 GiB or more.
    package func serialized() throws(ONNXError) -> [UInt8] { try encoded() }

    /// Writes the model to a file, whole or not at all.
    ///
    /// - Throws: ``ONNXError/unwritable(path:reason:)``, or ``ONNXError/tooLarge(name:byteCount:)`` if the file would
    ///   have 2 GiB or more.
    package func write(path: String) throws(ONNXError) {
        let bytes = try encoded(name: path)
        do {
            try RegularFile.save(bytes, path: path)
        } catch {
            throw .unwritable(path: path, reason: error.reason)
        }
    }

    private func encoded(name: String? = nil) throws(ONNXError) -> [UInt8] {
        do {
            return try proto.serializedBytes()
        } catch {
            // A message without required or Any fields can only fail for its size.
            let name = name ?? "the model \"\(proto.graph.name)\""
            throw .tooLarge(name: name, byteCount: nil)
        }
    }

    private static func reason(of error: any Error) -> String {
        switch error {
        case BinaryDecodingError.truncated: "it ends too early"
        case BinaryDecodingError.invalidUTF8: "a name is not UTF-8"
        case BinaryDecodingError.messageDepthLimit: "it is nested too deep"
        default: "it is not a protobuf message"
        }
    }
}

// MARK: Inputs and outputs

extension ONNXModel {
    /// The name of the graph.
    package var name: String { proto.graph.name }

    /// The inputs that the caller must give: those of the graph without initializers.
    package var inputs: [TensorDescription] {
        let filled = proto.graph.initializerNames
        return proto.graph.input.lazy.filter { !filled.contains($0.name) }.map(TensorDescription.init)
    }

    /// The outputs of the model.
    package var outputs: [TensorDescription] { proto.graph.output.map(TensorDescription.init) }

    /// The number of nodes, constant ones included, those of subgraphs not.
    package var nodeCount: Int { proto.graph.node.count }

    /// The same model with more graph outputs, given by name; names that are already outputs are skipped. ONNX Runtime
    /// infers their types, which ``StageCutter/cut(at:boundaryTypes:)`` needs.
    ///
    /// - Throws: ``ONNXError/noSuchTensor(tensor:)`` if no node of the graph makes a tensor of that name.
    package func withExtraOutputs(_ names: [String]) throws(ONNXError) -> ONNXModel {
        var known = Set(proto.graph.output.map(\.name))
        let produced = Set(proto.graph.node.lazy.flatMap(\.output))
        var copy = self
        for name in names where known.insert(name).inserted {
            guard !name.isEmpty, produced.contains(name) else { throw .noSuchTensor(tensor: name) }
            var output = ONNXValueInfoProto()
            output.name = name
            copy.proto.graph.output.append(output)
        }
        return copy
    }
}

extension ONNXModel {
    /// The same model with these shapes for inputs, by name; others stay as they are.
    package func withInputShapes(_ shapes: [String: [Int]]) -> ONNXModel {
        var copy = self
        for (index, input) in proto.graph.input.enumerated() {
            guard let shape = shapes[input.name] else { continue }
            var description = TensorDescription(input)
            description.dimensions = shape.map { .fixed($0) }
            copy.proto.graph.input[index] = description.valueInfo
        }
        return copy
    }
}

extension ONNXModel {
    /// The same model with the name of ``ModelGraph/Node/name`` for each node without one, so that ONNX Runtime's
    /// measurements can be matched to nodes.
    package func withNodeNames() -> ONNXModel {
        var copy = self
        for (index, node) in proto.graph.node.enumerated() where node.name.isEmpty {
            copy.proto.graph.node[index].name = node.defaultName(index: index)
        }
        return copy
    }
}

extension ONNXNodeProto {
    /// The node's name; its operator and index if the file gives none.
    func defaultName(index: Int) -> String { name.isEmpty ? "\(opType)_\(index)" : name }
}

extension ONNXGraphProto {
    /// The names of all weights, dense and sparse.
    var initializerNames: Set<String> {
        Set(initializer.map(\.name)).union(sparseInitializer.map(\.values.name))
    }
}
