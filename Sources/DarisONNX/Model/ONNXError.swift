/// Why an ONNX file cannot be used or cut. Every case names its file, node or tensor, and ``description`` is one
/// sentence that a user can act on.
package enum ONNXError: Error, Hashable, Sendable {
    /// The file cannot be opened or read.
    case unreadable(path: String, reason: String)
    /// The file cannot be written.
    case unwritable(path: String, reason: String)
    /// The file was read but is no ONNX model.
    case notAModel(path: String, reason: String)
    /// A model with its weights passes the limit of a protobuf message, 2 GiB.
    case tooLarge(name: String, byteCount: Int?)
    /// A weight in an external file cannot be loaded.
    case externalData(path: String, tensor: String, reason: String)
    /// The graph breaks a rule of ONNX at a node.
    case invalidNode(node: String, reason: String)
    /// The graph breaks a rule of ONNX outside its nodes.
    case invalidGraph(reason: String)
    /// A node depends on its own output.
    case cycle(node: String)
    /// A node reads a tensor that nothing produces.
    case undefinedTensor(node: String, tensor: String)
    /// The number of stages is not positive, or larger than that of the nodes.
    case stageCount(requested: Int, nodes: Int)
    /// A list of costs does not have one entry for each scheduled node.
    case costCount(given: Int, nodes: Int)
    /// A cost is negative.
    case negativeCost(node: String)
    /// Cut positions are not strictly ascending between the first and the last scheduled node.
    case cutPositions(positions: [Int], nodes: Int)
    /// The type of a tensor that crosses a cut is not known.
    case unknownType(tensor: String)
    /// No node makes a tensor of that name.
    case noSuchTensor(tensor: String)
    /// A stage manifest cannot be used.
    case manifest(path: String, reason: String)
}

extension ONNXError: CustomStringConvertible {
    /// One sentence that says what is wrong and, if known, what to do.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
        case .notAModel(let path, let reason): "\(path) is not an ONNX model: \(reason)"
        case .tooLarge(let name, let byteCount):
            "\(name) with its weights \(byteCount.map { "takes \($0) bytes and " } ?? "")"
                + "passes the 2 GiB that an ONNX file may have; use smaller weights (float16, int8) or more stages"
        case .externalData(let path, let tensor, let reason):
            "cannot load the weight \"\(tensor)\" of \(path) from the file beside it: \(reason)"
        case .invalidNode(let node, let reason): "the model is invalid at node \"\(node)\": \(reason)"
        case .invalidGraph(let reason): "the model is invalid: \(reason)"
        case .cycle(let node): "the model is invalid: node \"\(node)\" depends on its own output"
        case .undefinedTensor(let node, let tensor):
            "the model is invalid: node \"\(node)\" reads the tensor \"\(tensor)\", which nothing produces"
        case .stageCount(let requested, let nodes):
            "cannot cut the model into \(requested) stages: ask for 1 to \(max(1, nodes)), since it has \(nodes) "
                + "nodes that compute something from the input"
        case .costCount(let given, let nodes):
            "\(given) node costs were given for \(nodes) nodes; give one for each scheduled node"
        case .negativeCost(let node): "the cost of node \"\(node)\" is negative; measure it again"
        case .cutPositions(let positions, let nodes):
            "cut positions \(positions) must ascend and lie from 1 to \(nodes - 1), before the node they count"
        case .unknownType(let tensor):
            "the tensor \"\(tensor)\" crosses a cut, and neither the model nor the caller gives its type"
        case .noSuchTensor(let tensor): "the model has no tensor \"\(tensor)\""
        case .manifest(let path, let reason): "cannot use the stage manifest \(path): \(reason)"
        }
    }
}
