import CDarisSystem
import DarisRuntime
import Foundation
import ONNXRuntime
import Synchronization

/// Threads that run a model's stages one after another in a loop, each tied to a core.
final class BareLoop: Contender, Sendable {
    private let lanes: [(core: Int, bindings: [IOBinding])]
    private let count = Atomic(0)
    private let isRunning = Atomic(false)
    private let group = DispatchGroup()

    init(_ model: StagedModel, cores: [Int]) throws {
        let environment = try Environment(library: try ONNXRuntimeLibrary.open())
        let sessions = try model.stages.map { try Session(environment: environment, model: .file($0.path)) }
        lanes = try cores.map { core in
            var tensors: [String: Tensor] = [:]
            let bindings = try sessions.map { session in
                let binding = try IOBinding(session: session)
                for input in session.inputs {
                    if tensors[input.name] == nil {
                        let shape = input.type.dimensions.map { if case .fixed(let length) = $0 { length } else { 1 } }
                        tensors[input.name] = try Tensor(
                            library: environment.library, elementType: input.type.elementType, shape: shape)
                    }
                    try binding.bind(tensors[input.name]!, toInput: input.name)
                }
                let memory = environment.library.hostMemory
                for output in session.outputs { try binding.bindOutput(output.name, to: memory) }
                try session.run(binding: binding)
                for (name, tensor) in try binding.outputs() {
                    tensors[name] = tensor
                    try binding.bind(tensor, toOutput: name)
                }
                return binding
            }
            return (core, bindings)
        }
    }

    var inferences: Double { Double(count.load(ordering: .relaxed)) }

    func start() {
        isRunning.store(true, ordering: .relaxed)
        for lane in lanes {
            group.enter()
            Thread.detachNewThread { [self] in
                var core = Int32(lane.core)
                _ = daris_set_affinity(&core, 1)
                while isRunning.load(ordering: .relaxed) {
                    for binding in lane.bindings { try? binding.session.run(binding: binding) }
                    count.add(1, ordering: .relaxed)
                }
                group.leave()
            }
        }
    }

    func stop() {
        isRunning.store(false, ordering: .relaxed)
        group.wait()
    }
}
