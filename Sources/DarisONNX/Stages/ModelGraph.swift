/// The graph of a model for cutting: its nodes in a checked order, those that are constant, and the tensors that are
/// alive between any two.
///
/// There are three kinds of tensors:
/// - *constant*: weights, and what nodes compute from weights only. Each stage that needs one has its own copy, so they
///   never cross a cut. ``nodes`` does not contain constant nodes.
/// - *model inputs*: each stage that reads one has it as an input, since the runtime keeps them until the job ends.
///   They do not count as crossing a cut.
/// - *computed*: all others. Those made before a cut and read after it cross it, graph outputs included.
///
/// A node with a subgraph (If, Loop, Scan) stays whole; the outer tensors that its subgraphs read count as its inputs.
package struct ModelGraph: Sendable {
    /// A node that a stage runs.
    package struct Node: Hashable, Sendable {
        /// The node's name; if the file gives none, its operator and index in the file, such as `Conv_12`.
        package let name: String
        /// The operator, such as `Conv`.
        package let operatorName: String
        /// The tensors that the node reads, each once: its inputs, then those that its subgraphs read from outside.
        package let inputs: [String]
        /// The tensors that the node makes.
        package let outputs: [String]
        /// The node's index in the file.
        let index: Int
    }

    /// A tensor that a scheduled node makes, with the positions of its producer and readers.
    struct ComputedTensor: Sendable {
        let name: String
        let producer: Int
        /// The last node that reads it; the producer if none does.
        var lastReader: Int
        var readerCount = 0
        var isOutput: Bool
    }

    /// The model.
    package let model: ONNXModel
    /// The nodes that depend on the model's inputs, each after all it depends on, in the file's order if possible.
    /// Nodes that no output depends on are left out, as in ONNX Runtime; so every stage makes something that is read.
    package let nodes: [Node]
    /// The nodes that depend on weights only, in order.
    package let constantNodes: [Node]

    /// All computed tensors, in the order in which they are made.
    let tensors: [ComputedTensor]
    /// The index of each in ``tensors``, by name.
    let tensorIndex: [String: Int]
    /// The index in ``constantNodes`` of the node that makes a constant tensor, by its name.
    let constantProducer: [String: Int]
    let inputNames: Set<String>

    /// Analyses a model.
    ///
    /// - Complexity: linear in nodes and the tensors they read.
    /// - Throws: ``ONNXError`` with the node at which the graph is cyclic, reads a tensor that nothing makes, or makes
    ///   one a second time.
    package init(_ model: ONNXModel) throws(ONNXError) {
        let graph = model.proto.graph
        let initializers = graph.initializerNames
        let outputs = Set(graph.output.map(\.name))

        var constantProducer: [String: Int] = [:]
        var scheduled: [Node] = []
        var constants: [Node] = []
        for node in Self.used(try NodeOrder.ordered(graph), outputs: outputs) {
            let proto = graph.node[node.index]
            let isConstant =
                proto.isDeterministic
                && node.inputs.allSatisfy { initializers.contains($0) || constantProducer[$0] != nil }
            if isConstant {
                for name in node.outputs { constantProducer[name] = constants.count }
                constants.append(node)
            } else {
                scheduled.append(node)
            }
        }
        var tensors: [ComputedTensor] = []
        var tensorIndex: [String: Int] = [:]
        for (position, node) in scheduled.enumerated() {
            for name in node.inputs {
                guard let index = tensorIndex[name] else { continue }
                tensors[index].lastReader = position
                tensors[index].readerCount += 1
            }
            for name in node.outputs {
                tensorIndex[name] = tensors.count
                tensors.append(
                    ComputedTensor(
                        name: name, producer: position, lastReader: position, isOutput: outputs.contains(name)))
            }
        }
        self.model = model
        nodes = scheduled
        constantNodes = constants

        self.tensors = tensors
        self.tensorIndex = tensorIndex
        self.constantProducer = constantProducer
        inputNames = Set(graph.input.map(\.name)).subtracting(initializers)
    }

    /// The nodes that an output depends on, in order.
    private static func used(_ ordered: [Node], outputs: Set<String>) -> [Node] {
        var needed = outputs
        var used: [Node] = []
        for node in ordered.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs)
            used.append(node)
        }
        return used.reversed()
    }
}

// MARK: Between two nodes

extension ModelGraph {
    /// The tensors that cross at least one of the given cuts, in the order in which they are made. A cut at a position
    /// is crossed by those made by an earlier node and read by the node there or a later one.
    package func carriedTensors(at positions: [Int]) -> [String] {
        var cutsUpTo = [Int](repeating: 0, count: nodes.count + 1)
        for position in positions where cutsUpTo.indices.contains(position) { cutsUpTo[position] += 1 }
        for position in cutsUpTo.indices.dropFirst() { cutsUpTo[position] += cutsUpTo[position - 1] }
        return tensors.lazy.filter { cutsUpTo[$0.producer] < cutsUpTo[$0.lastReader] }.map(\.name)
    }

    /// The bytes that cross a cut at each position: before each node, and after the last one.
    ///
    /// - Parameter bytes: The size of each tensor; 0 for one that is missing.
    package func liveBytes(bytes: [String: Int]) -> [Int] {
        // Absurd sizes are limited, so that their sum cannot overflow.
        let largest = Int.max / max(1, tensors.count)
        var change = [Int](repeating: 0, count: nodes.count + 1)
        for tensor in tensors where tensor.lastReader > tensor.producer {
            let size = min(max(0, bytes[tensor.name] ?? 0), largest)
            change[tensor.producer + 1] += size
            change[tensor.lastReader + 1] -= size
        }
        var live = 0
        return change.map { step in
            live += step
            return live
        }
    }
}

extension ModelGraph {
    /// The positions at which a cut would separate two nodes that ONNX Runtime fuses, such as a convolution and its
    /// activation. A cut there costs time in both stages, so it is the last choice.
    ///
    /// A pair counts if the second node directly follows the first in the schedule and is the only reader of its
    /// result:
    /// - a convolution, Gemm or batch normalisation before a batch normalisation or an activation,
    /// - the same before an addition that a Relu follows in the same way,
    /// - that addition and its Relu.
    package var fusedPositions: Set<Int> {
        var positions: Set<Int> = []
        for position in nodes.indices.dropFirst() where feeds(position) {
            let (first, second) = (nodes[position - 1].operatorName, nodes[position].operatorName)
            if Self.producers.contains(first), Self.followers.contains(second) {
                positions.insert(position)
            }
            if first == "Add", second == "Relu" {
                positions.insert(position)
                if position >= 2, Self.producers.contains(nodes[position - 2].operatorName), feeds(position - 1) {
                    positions.insert(position - 1)
                }
            }
        }
        return positions
    }

    /// Whether the node at `position` is the only reader of the outputs of the node before it.
    private func feeds(_ position: Int) -> Bool {
        let made = nodes[position - 1].outputs.compactMap { tensorIndex[$0] }.map { tensors[$0] }
        return !made.isEmpty
            && made.allSatisfy { !$0.isOutput && $0.readerCount <= 1 && $0.lastReader <= position }
            && made.contains { $0.readerCount == 1 && $0.lastReader == position }
    }

    private static let producers: Set<String> = ["Conv", "Gemm", "ConvTranspose", "BatchNormalization"]
    private static let followers: Set<String> = ["BatchNormalization", "Relu", "Clip", "Sigmoid", "LeakyRelu"]
}
