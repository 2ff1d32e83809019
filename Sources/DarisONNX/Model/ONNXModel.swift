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
/// What Daris does not understand in a file (model local functions, training information, fields of later versions) is
/// kept and written back.
package struct ONNXModel: Sendable {
    /// A protobuf message, and so a model with its weights, must be shorter than this many bytes.
    package static let byteLimit = 0x7fff_ffff

    var proto: ONNXModelProto

    init(proto: ONNXModelProto) { self.proto = proto }
}

// MARK: Files

extension ONNXModel {
    /// Reads a model file. Weights kept in other files of its folder are loaded into the model.
    ///
    /// - Throws: ``ONNXError`` naming the file if it is missing, damaged, no ONNX model, or 2 GiB or more with its
    ///   weights, or if a weight beside it is missing, too short or outside its folder.
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

    /// Reads a model from the bytes of a file; `name` stands for it in errors. Weights in other files are left there.
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
    /// - Throws: ``ONNXError/tooLarge(name:byteCount:)`` if that would be 2 GiB or more.
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
            // A message without required or Any fields fails for its size alone.
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

    /// What the caller must give: the graph's inputs without those that an initializer already fills.
    package var inputs: [TensorDescription] {
        let filled = proto.graph.initializerNames
        return proto.graph.input.lazy.filter { !filled.contains($0.name) }.map(TensorDescription.init)
    }

    /// What the model computes.
    package var outputs: [TensorDescription] { proto.graph.output.map(TensorDescription.init) }

    /// The number of nodes, constant ones included and those inside subgraphs not.
    package var nodeCount: Int { proto.graph.node.count }

    /// The same model with more graph outputs, given by name only; names that are outputs already are left out. ONNX
    /// Runtime infers the types of such outputs, which is how ``StageCutter/cut(at:boundaryTypes:)`` gets them.
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
    /// The same model with a name for each node that has none, the one that ``ModelGraph/Node/name`` gives it, so that
    /// what ONNX Runtime measures of a node can be told to be of that node.
    package func withNodeNames() -> ONNXModel {
        var copy = self
        for (index, node) in proto.graph.node.enumerated() where node.name.isEmpty {
            copy.proto.graph.node[index].name = node.defaultName(index: index)
        }
        return copy
    }
}

extension ONNXNodeProto {
    /// The name of a node that the file leaves without one.
    func defaultName(index: Int) -> String { name.isEmpty ? "\(opType)_\(index)" : name }
}

extension ONNXGraphProto {
    /// The names of all weights, dense and sparse.
    var initializerNames: Set<String> {
        Set(initializer.map(\.name)).union(sparseInitializer.map(\.values.name))
    }
}
