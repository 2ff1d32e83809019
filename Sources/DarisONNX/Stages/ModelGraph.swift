/// What cutting a model needs to know of it: a checked order of its nodes, which of them are constant, and which tensors
/// are alive between any two.
///
/// Three kinds of tensors are told apart:
/// - *constant*: weights, and what nodes compute from weights alone. Each stage that needs one holds its own copy;
///   nothing constant crosses a cut. ``nodes`` leaves constant nodes out.
/// - *model inputs*: also an input of each later stage that reads them, for the runtime holds them until the job ends.
///   They never count as crossing a cut.
/// - *computed*: all the rest. A cut is crossed by those made before it and read after it, graph outputs among them if
///   they are read again.
///
/// A node with a subgraph (If, Loop, Scan) stays whole; the outer tensors its subgraphs read count among its inputs.
package struct ModelGraph: Sendable {
    /// A node that a stage runs.
    package struct Node: Hashable, Sendable {
        /// The node's name; if the file gives none, its operator and place in the file, such as `Conv_12`.
        package let name: String
        /// The operator, such as `Conv`.
        package let operatorName: String
        /// What the node reads, each name once: first its inputs, then what its subgraphs take from outside.
        package let inputs: [String]
        /// What the node makes.
        package let outputs: [String]
        /// The node's place in the file.
        let index: Int
    }

    /// A tensor that a scheduled node makes, and where it is made and read.
    struct ComputedTensor: Sendable {
        let name: String
        let producer: Int
        /// The last node that reads it; the producer itself if none does.
        var lastReader: Int
        var readerCount = 0
        var isOutput: Bool
    }

    /// The model as it was given.
    package let model: ONNXModel
    /// The nodes that compute something from the model's inputs, each after all it depends on; the file's order is kept
    /// where it allows that.
    package let nodes: [Node]
    /// The nodes that depend on weights alone, in order.
    package let constantNodes: [Node]
    /// The nodes that no output of the model depends on. ONNX Runtime leaves them out, and so do stages; hence every
    /// stage makes something that is read.
    package let unusedNodes: [Node]

    /// All computed tensors, in the order in which they are made.
    let tensors: [ComputedTensor]
    /// The place of each in ``tensors``.
    let tensorIndex: [String: Int]
    /// The place in ``constantNodes`` of the node that makes a constant tensor.
    let constantProducer: [String: Int]
    let inputNames: Set<String>

    /// Analyses a model.
    ///
    /// - Complexity: linear in nodes and the tensors they read.
    /// - Throws: ``ONNXError`` naming the node at which the graph is cyclic, reads a tensor that nothing makes, or makes
    ///   one a second time.
    package init(_ model: ONNXModel) throws(ONNXError) {
        let graph = model.proto.graph
        let initializers = graph.initializerNames
        let outputs = Set(graph.output.map(\.name))
        let (ordered, unused) = Self.partitioned(try NodeOrder.ordered(graph), outputs: outputs)
        var constantProducer: [String: Int] = [:]
        var scheduled: [Node] = []
        var constants: [Node] = []
        for node in ordered {
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
        unusedNodes = unused
        self.tensors = tensors
        self.tensorIndex = tensorIndex
        self.constantProducer = constantProducer
        inputNames = Set(graph.input.map(\.name)).subtracting(initializers)
    }

    /// Parts ordered nodes into those that an output depends on and the rest, each in order.
    private static func partitioned(_ ordered: [Node], outputs: Set<String>) -> (used: [Node], unused: [Node]) {
        var needed = outputs
        var used: [Node] = []
        var unused: [Node] = []
        for node in ordered.reversed() {
            if node.outputs.contains(where: needed.contains) {
                needed.formUnion(node.inputs)
                used.append(node)
            } else {
                unused.append(node)
            }
        }
        return (used.reversed(), unused.reversed())
    }
}

// MARK: Between two nodes

extension ModelGraph {
    /// The computed tensors alive before the node at `position`: made by an earlier node and read by it or a later one,
    /// in the order in which they are made. These are what a cut there carries across.
    package func liveTensors(at position: Int) -> [String] {
        tensors.lazy.filter { $0.producer < position && $0.lastReader >= position }.map(\.name)
    }

    /// All tensors that cross at least one of the given cuts, in the order in which they are made.
    package func carriedTensors(at positions: [Int]) -> [String] {
        var cutsUpTo = [Int](repeating: 0, count: nodes.count + 1)
        for position in positions where cutsUpTo.indices.contains(position) { cutsUpTo[position] += 1 }
        for position in cutsUpTo.indices.dropFirst() { cutsUpTo[position] += cutsUpTo[position - 1] }
        return tensors.lazy.filter { cutsUpTo[$0.producer] < cutsUpTo[$0.lastReader] }.map(\.name)
    }

    /// How many bytes are alive before each node, and after the last one: entry `p` is the size of
    /// ``liveTensors(at:)`` of `p`.
    ///
    /// - Parameter bytes: The size of each tensor; a tensor that is not in it counts as 0 bytes.
    package func liveBytes(bytes: [String: Int]) -> [Int] {
        // Absurd sizes are cut down to where their sum cannot overflow.
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
