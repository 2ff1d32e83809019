import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import ONNXRuntime

/// Decides where to cut a model, by measured time.
///
/// Every node is timed first, unfused; what is fused into the node before it counts nothing. The cuts that make the
/// longest stage shortest follow by dynamic programming. Then the stages are loaded as they will run and timed; where a
/// stage took more or less than its nodes promised, their costs are corrected in proportion and the cuts made again.
package struct StageDesigner: Sendable {
    /// What the cut is for.
    package enum Goal: Sendable, Hashable {
        /// This many stages.
        case count(Int)
        /// As few stages as keep each within this time.
        case longestStage(Nanoseconds)
        /// At most this many parts of about as many nodes each, which are not timed: what stages are joined from by the times of
        /// another device.
        case parts(Int)
        /// Stages that start with the nodes at these positions, which are not timed.
        case positions([Int])
    }

    let environment: Environment
    /// Threads a stage runs on.
    let threads: Int
    private static let rounds = 3
    /// How much longer the longest stage may be than it must be, if fewer bytes cross the cuts then. Times are not known
    /// much better than that, and every tensor that crosses is laid out anew on both sides.
    static let tolerance = 0.1
    private static let repeats = 5

    /// A designer that measures with `threads` threads a stage.
    package init(environment: Environment, threads: Int) {
        self.environment = environment
        self.threads = threads
    }

    /// A cut and what was measured of it.
    struct Design {
        var positions: [Int]
        var stages: [Stage]
        /// Of each stage; empty if they were not timed.
        var times: [Nanoseconds]
        var liveBytes: [Int]

        var longest: Nanoseconds { times.max() ?? .zero }

        func manifest(_ name: String) -> StageManifest {
            StageManifest(
                model: name,
                stages: stages.indices.map { index in
                    StageManifest.Entry(
                        file: "stage-\(index).onnx", interface: stages[index].interface,
                        measuredMilliseconds: times.isEmpty
                            ? nil : (times[index].inMilliseconds * 1e4).rounded() / 1e4,
                        bytesCarried: index < positions.count ? liveBytes[positions[index]] : 0)
                })
        }
    }

    /// Cuts a model for a goal.
    ///
    /// - Parameters:
    ///   - model: the model.
    ///   - name: what it is called in messages.
    ///   - dimensions: values of symbolic dimensions other than the batch, which is measured at 1.
    func design(
        _ model: ONNXModel, name: String, goal: Goal, dimensions: [String: Int], progress: StepHandler
    ) throws(PreparationError) -> Design {
        progress("inspecting \(name)")
        let model = model.withNodeNames()
        let graph = try onnx(name) { () throws(ONNXError) in try ModelGraph(model) }
        let cutter = StageCutter(graph)
        if graph.nodes.isEmpty || goal == .count(1) {
            return try measure(cutter, at: [], types: [:], bytes: [:], name: name, dimensions: dimensions)
        }
        let types = try tensorTypes(graph, name: name)
        let bytes = sizes(types, dimensions: dimensions)
        switch goal {
        case .parts(let most):
            // A GPU's time follows the number of kernels more than what nodes take a CPU.
            let fused = graph.fusedPositions
            let costs = graph.nodes.indices.map { fused.contains($0) ? Int64(0) : 1 }
            let count = min(most, max(1, costs.reduce(0) { $0 + Int($1) }))
            let positions = try onnx(name) { () throws(ONNXError) in
                try cutter.cutPositions(stages: count, costs: costs, bytes: bytes)
            }
            return try build(cutter, at: positions, types: types, bytes: bytes, name: name)
        case .positions(let positions):
            return try build(cutter, at: positions, types: types, bytes: bytes, name: name)
        case .count(let count):
            var costs = try timedNodes(graph, name: name, dimensions: dimensions, progress: progress)
            return try refine(
                cutter, count: count, costs: &costs, types: types, bytes: bytes, name: name, dimensions: dimensions,
                progress: progress)
        case .longestStage(let limit):
            var costs = try timedNodes(graph, name: name, dimensions: dimensions, progress: progress)
            let total = costs.reduce(0, +)
            let most = min(StageCount.automaticLimit, graph.nodes.count)
            var count = min(most, max(1, Int((Double(total) / Double(max(1, limit.rawValue))).rounded(.up))))
            var best: Design?
            while true {
                let design = try refine(
                    cutter, count: count, costs: &costs, types: types, bytes: bytes, name: name, dimensions: dimensions,
                    progress: progress)
                if let best, design.longest.rawValue * 20 > best.longest.rawValue * 19 { return best }
                best = design
                if design.longest <= limit || count == most { return design }
                count = min(most, max(count + 1, count * 5 / 4))
            }
        }
    }

    private func refine(
        _ cutter: StageCutter, count: Int, costs: inout [Int64], types: [String: TensorDescription],
        bytes: [String: Int],
        name: String, dimensions: [String: Int], progress: StepHandler
    ) throws(PreparationError) -> Design {
        var best: Design?
        for round in 1...Self.rounds {
            progress("cutting \(name) into \(count) stages, round \(round)")
            let current = costs
            let positions = try onnx(name) { () throws(ONNXError) in
                try cutter.cutPositions(stages: count, costs: current, bytes: bytes, tolerance: Self.tolerance)
            }
            if let best, best.positions == positions { break }
            let design = try measure(
                cutter, at: positions, types: types, bytes: bytes, name: name, dimensions: dimensions)
            correct(&costs, by: design, count: cutter.graph.nodes.count)
            if best == nil || design.longest < best!.longest { best = design }
        }
        return best!
    }

    /// Scales the costs of each stage's nodes to what the stage took.
    private func correct(_ costs: inout [Int64], by design: Design, count: Int) {
        let bounds = [0] + design.positions + [count]
        for (stage, time) in design.times.enumerated() {
            let nodes = bounds[stage]..<bounds[stage + 1]
            let promised = nodes.reduce(0) { $0 + costs[$1] }
            for node in nodes {
                costs[node] =
                    promised > 0
                    ? Int64(Double(costs[node]) * Double(time.rawValue) / Double(promised))
                    : time.rawValue / Int64(nodes.count)
            }
        }
    }

    // MARK: - Measuring

    private func sessionOptions(_ dimensions: [String: Int]) -> SessionOptions {
        var options = SessionOptions()
        options.intraOpThreads = threads
        options.freeDimensionOverrides = dimensions
        return options
    }

    private func timedNodes(
        _ graph: ModelGraph, name: String, dimensions: [String: Int], progress: StepHandler
    ) throws(PreparationError) -> [Int64] {
        progress("timing the nodes of \(name)")
        return try nodeCosts(graph, name: name, dimensions: dimensions)
    }

    /// The time of each scheduled node, unfused; 0 for those that will be fused into the node before.
    private func nodeCosts(
        _ graph: ModelGraph, name: String, dimensions: [String: Int]
    ) throws(PreparationError) -> [Int64] {
        var options = sessionOptions(dimensions)
        options.optimizationLevel = .none
        let bytes = try onnx(name) { () throws(ONNXError) in try graph.model.serialized() }
        let source = ModelSource.bytes(bytes, name: name)
        let (environment, options_) = (environment, options)
        let session = try runtime(name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: source, options: options_)
        }
        let inputs = try InputShapes.resolve(session.inputs, model: name, batch: 1, dimensions: dimensions)
        let profile = try runtime(name) { () throws(ONNXRuntimeError) in
            try NodeProfile.measure(
                environment: environment, model: source, options: options_,
                inputs: InputShapes.randomTensors(inputs, library: environment.library, seed: 1), warmUps: 1, repeats: 3
            )
        }
        var times: [String: Int64] = [:]
        for node in profile { times[node.name, default: 0] += node.meanNanoseconds }
        let fused = graph.fusedPositions
        return graph.nodes.indices.map { index in
            fused.contains(index) ? 0 : times[graph.nodes[index].name] ?? 0
        }
    }

    /// Builds the stages.
    private func build(
        _ cutter: StageCutter, at positions: [Int], types: [String: TensorDescription], bytes: [String: Int],
        name: String
    ) throws(PreparationError) -> Design {
        let stages = try onnx(name) { () throws(ONNXError) in try cutter.cut(at: positions, boundaryTypes: types) }
        return Design(
            positions: positions, stages: stages, times: [], liveBytes: cutter.graph.liveBytes(bytes: bytes))
    }

    /// Builds the stages and times each as it will run.
    private func measure(
        _ cutter: StageCutter, at positions: [Int], types: [String: TensorDescription], bytes: [String: Int],
        name: String,
        dimensions: [String: Int]
    ) throws(PreparationError) -> Design {
        var design = try build(cutter, at: positions, types: types, bytes: bytes, name: name)
        let stages = design.stages
        var tensors: [String: Tensor] = [:]
        var times: [Nanoseconds] = []
        for (index, stage) in stages.enumerated() {
            let bytes = try onnx(name) { () throws(ONNXError) in try stage.model.serialized() }
            let (environment, options) = (environment, sessionOptions(dimensions))
            let session = try runtime(name) { () throws(ONNXRuntimeError) in
                try Session(
                    environment: environment, model: .bytes(bytes, name: "\(name), stage \(index)"), options: options)
            }
            let own = session.inputs.filter { tensors[$0.name] == nil }
            let shapes = try InputShapes.resolve(own, model: name, batch: 1, dimensions: dimensions)
            let random = try runtime(name) { () throws(ONNXRuntimeError) in
                try InputShapes.randomTensors(shapes, library: environment.library, seed: UInt64(index) + 1)
            }
            tensors.merge(random) { old, _ in old }
            let given = tensors.filter { entry in session.inputs.contains { $0.name == entry.key } }
            let names = stage.interface.outputs
            let outcome: (outputs: [Tensor], times: [Nanoseconds]) = try runtime(name) { () throws(ONNXRuntimeError) in
                var outputs = try session.run(inputs: given, outputs: names)
                var times: [Nanoseconds] = []
                for _ in 0..<Self.repeats {
                    let clock = MonotonicClock()
                    outputs = try session.run(inputs: given, outputs: names)
                    times.append(clock.now)
                }
                return (outputs, times)
            }
            for (name, tensor) in zip(names, outcome.outputs) { tensors[name] = tensor }
            times.append(outcome.times.sorted()[Self.repeats / 2])
        }
        design.times = times
        return design
    }

    /// The types of all computed tensors, as ONNX Runtime infers them.
    private func tensorTypes(_ graph: ModelGraph, name: String) throws(PreparationError) -> [String: TensorDescription]
    {
        let outputs = Set(graph.model.outputs.map(\.name))
        let inner = graph.nodes.flatMap(\.outputs).filter { !$0.isEmpty && !outputs.contains($0) }
        let bytes = try onnx(name) { () throws(ONNXError) in try graph.model.withExtraOutputs(inner).serialized() }
        var options = SessionOptions()
        options.optimizationLevel = .none
        let (environment, options_) = (environment, options)
        let session = try runtime(name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .bytes(bytes, name: name), options: options_)
        }
        var types: [String: TensorDescription] = [:]
        for value in session.outputs { types[value.name] = TensorDescription(value) }
        return types
    }

    /// What a string takes, short ones whole: the size of C++'s.
    private static let stringBytes = 32

    /// Bytes of each tensor at batch 1; open dimensions count as 1.
    private func sizes(_ types: [String: TensorDescription], dimensions: [String: Int]) -> [String: Int] {
        types.mapValues { type in
            var size = ElementType(rawValue: type.elementType).map { $0.byteSize ?? Self.stringBytes } ?? 0
            for dimension in type.dimensions ?? [] {
                let length =
                    switch dimension {
                    case .fixed(let length): length
                    case .symbolic(let name): dimensions[name] ?? 1
                    case .unknown: 1
                    }
                size = size.multipliedReportingOverflow(by: length).partialValue
            }
            return size
        }
    }
}

extension TensorDescription {
    init(_ value: ValueInfo) {
        self.init(
            name: value.name, elementType: value.type.elementType.rawValue,
            dimensions: value.type.dimensions.map { dimension in
                switch dimension {
                case .fixed(let length): .fixed(length)
                case .symbolic(let name): .symbolic(name)
                case .unknown: .unknown
                }
            })
    }
}

/// Runs `body` and names the model in its error.
func onnx<Result>(_ model: String, _ body: () throws(ONNXError) -> Result) throws(PreparationError) -> Result {
    do { return try body() } catch { throw .model(name: model, error) }
}

/// Runs `body` and names the model in its error.
func runtime<Result>(_ model: String, _ body: () throws(ONNXRuntimeError) -> Result) throws(PreparationError) -> Result
{
    do { return try body() } catch { throw .runtime(name: model, error) }
}

/// Told of what start-up is doing.
package typealias StepHandler = @Sendable (String) -> Void
