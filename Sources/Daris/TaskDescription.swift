import DarisCore
import DarisRuntime

/// A task of a system: what it runs, how urgent it is, and what its model takes and gives.
public struct TaskDescription: Hashable, Sendable {
    /// The importance of a task.
    public enum Priority: Hashable, Sendable {
        /// HP: always admitted, goes before every low-priority stage.
        case high
        /// LP: admitted only where it fits.
        case low
    }

    /// Its name, unique in the system. The copies of a task with `count: 3` are name-1, name-2, name-3.
    public let name: String
    /// The name of the model it runs.
    public let model: String
    /// Its importance.
    public let priority: Priority
    /// The time between two jobs; of a sporadic task the least that is expected.
    public let period: Duration
    /// From a job's release to its deadline, where the job brings none of its own.
    public let deadline: Duration
    /// Whether its jobs come from `infer` (`arrival: sporadic`) and not from the clock.
    public let isSporadic: Bool
    /// What its model takes and gives.
    public let signature: ModelSignature

    init(_ prepared: Preparation, task index: Int) {
        let task = prepared.configuration.tasks[index]
        name = task.name
        model = prepared.taskSet.tasks[index].model
        priority = task.priority == .high ? .high : .low
        period = Duration(task.period)
        deadline = Duration(task.deadline)
        isSporadic = prepared.arrivals[index] == .sporadic
        signature = ModelSignature(prepared.signatures[index])
    }
}

/// What a model takes and gives, with every shape as it is at a task's batch size.
public struct ModelSignature: Hashable, Sendable {
    /// The inputs, in the order of the model's graph.
    public let inputs: [TensorDescription]
    /// The outputs, in the order of the model's graph.
    public let outputs: [TensorDescription]

    init(_ signature: DarisRuntime.ModelSignature) {
        inputs = signature.inputs.map(TensorDescription.init)
        outputs = signature.outputs.map(TensorDescription.init)
    }
}

/// One input or output of a model.
public struct TensorDescription: Hashable, Sendable, CustomStringConvertible {
    /// Its name in the model's graph.
    public let name: String
    /// What its elements are.
    public let elementType: ElementType
    /// Its extents; empty for a single element.
    public let shape: [Int]

    init(_ tensor: DarisRuntime.ModelSignature.Tensor) {
        name = tensor.name
        elementType = ElementType(tensor.elementType)
        shape = tensor.shape
    }

    /// Such as `'input': float32 [1, 3, 224, 224]`.
    public var description: String { "'\(name)': \(elementType) \(shape)" }
}
