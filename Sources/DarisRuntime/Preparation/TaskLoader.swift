import DarisConfiguration
import DarisCore
import ONNXRuntime

/// What is kept at the start for tasks that come while a system runs (docs/decisions/0022).
package struct SparePlaces: Sendable, Hashable {
    /// How many tasks may come.
    package var tasks = 0
    /// The most instances of each of them.
    package var instancesOfEach = 1

    /// The most stages of each of them.
    package static let stages = 32

    /// Places for tasks.
    package init(tasks: Int = 0, instancesOfEach: Int = 1) {
        self.tasks = tasks
        self.instancesOfEach = instancesOfEach
    }

    /// The instances of all of them.
    var instances: Int { tasks * instancesOfEach }

    var specification: TaskSpecification { .spare(instances: instancesOfEach, stages: Self.stages) }
}

/// Prepares models and their tasks while a system runs, after what runs: on threads that make way.
package struct TaskLoader: Sendable {
    private let store: ModelStore
    private let taskSet: TaskSet
    private let type: any NamedDevice.Type
    private let device: any ChangingDevice

    /// A loader for a system that was prepared.
    ///
    /// - Throws: if its device has the models that it was made with, always.
    package init(_ prepared: Preparation) throws(PreparationError) {
        guard let device = prepared.device.changing else {
            let isolated = prepared.taskSet.isolation == .process ? " in worker processes" : ""
            throw .device(
                name: prepared.taskSet.device,
                reason:
                    "it loads no models while it runs\(isolated); start the server again, or use 'device: cpu' in one process"
            )
        }
        store = prepared.store
        taskSet = prepared.taskSet
        type = try MachineDevice.type(of: prepared.taskSet.device)
        self.device = device
    }

    /// Tries, cuts, loads and measures a model. Blocks; call it from a thread of usual priority that is not one of Swift's.
    package func load(
        _ model: ModelDeclaration, for task: TaskDeclaration, progress: @escaping StepHandler = { _ in }
    ) throws(PreparationError) -> LoadedTask {
        var set = taskSet
        set.tasks.append(task)
        let (store, goal) = (store, Preparation.goal(model, in: set, on: type))
        let staged = try DedicatedThread.makingWay { () throws(PreparationError) in
            let staged = try store.staged(model, goal: goal, batches: [task.batch], progress: progress)
            guard staged.stages.count > SparePlaces.stages else { return staged }
            return try store.staged(model, goal: .count(SparePlaces.stages), batches: [task.batch], progress: progress)
        }
        let instances = try device.load(
            staged, batch: task.batch, instances: task.instances, makesWay: task.priority == .low)
        let specification = TaskSpecification(
            name: task.name, period: task.period, deadline: task.deadline, priority: task.priority, batch: task.batch,
            instances: task.instances, lateness: task.lateness, overrun: task.overrun,
            afet: try instances.executionTimes())
        return LoadedTask(specification: specification, model: model.name, instances: instances, notes: staged.notes)
    }
}

/// A task whose model is ready to run.
package struct LoadedTask: Sendable {
    /// The task, with its AFETs.
    package let specification: TaskSpecification
    /// The name of its model.
    package let model: String
    /// The model on the device.
    let instances: any LoadedInstances
    /// What the user should know of it.
    package let notes: [String]

    /// What its model takes and gives.
    package var signature: ModelSignature { instances.signature }
}
