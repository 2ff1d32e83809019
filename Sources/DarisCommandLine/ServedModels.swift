import DarisConfiguration
import DarisCore
import DarisRuntime
import DarisServer

/// A task set to serve, and what of it cannot be: one bad model does not keep the others from their clients.
struct ServedModels {
    /// What can be served, as far as is known.
    private(set) var taskSet: TaskSet
    /// What cannot, with the reasons, each of which was said on standard error.
    private(set) var unavailable: [UnavailableModel] = []
    /// Where they come from.
    let source: any ModelSource
    /// What was there at the start.
    let found: [FoundModel]
    /// For how many models to come there is a place, where no one says: some in a folder, whose point that is; none beside a task
    /// set, whose record says no more than it did.
    let usualSpare: Int

    /// - Parameters:
    ///   - source: where the models come from; `nil` if from the task set.
    ///   - found: what was there.
    init(_ taskSet: TaskSet, _ source: (any ModelSource)?, _ found: [FoundModel]) {
        self.taskSet = taskSet
        let declared = TaskSetSource(taskSet)
        self.source = source ?? declared
        self.found = source == nil ? declared.names().flatMap { declared.look(at: $0, .none) } : found
        usualSpare = source == nil ? 0 : 16
        for model in found {
            for note in model.notes { Terminal.error(note) }
            if let model = model.unavailable { refuse(model) }
        }
    }

    /// Tries each model by itself, which is cheap, so that a bad one does not cost the preparation of all.
    mutating func check(_ service: InferenceService) throws {
        for (index, model) in taskSet.models.enumerated() {
            service.isLoading(index + 1, of: taskSet.models.count)
            var alone = taskSet
            alone.models = [model]
            alone.tasks.removeAll { $0.model != model.name }
            do throws(PreparationError) {
                _ = try Preparation.readModels(of: alone) { step in
                    Terminal.step(step)
                    service.isLoading(step)
                }
            } catch {
                guard error.model != nil else { throw Failure.failed(error) }
                refuse(model.name, error)
            }
        }
        Terminal.endProgress()
        try requireTasks()
    }

    /// Prepares the task set, without the models that turn out to be of no use on the way.
    mutating func prepare(
        fresh: Bool, force: Bool, realTime: Bool, spare: SparePlaces, _ service: InferenceService
    ) throws -> Preparation {
        while true {
            try requireTasks()
            do throws(PreparationError) {
                return try Preparation.showingSteps(
                    taskSet, fresh: fresh, force: force, realTime: realTime, runsUntilInterrupted: true, spare: spare,
                    progress: { service.isLoading($0) }, modelProgress: { service.isLoading($0, of: $1) })
            } catch {
                guard let model = error.model, taskSet.tasks.contains(where: { $0.model == model }) else {
                    throw Failure.failed(error)
                }
                refuse(model, error)
            }
        }
    }

    private func requireTasks() throws {
        guard taskSet.tasks.isEmpty, !unavailable.isEmpty else { return }
        throw Failure(message: "no model in '\(taskSet.source)' can be served; see above", exitCode: 1)
    }

    /// Takes a model and its tasks out.
    private mutating func refuse(_ model: String, _ error: PreparationError) {
        Terminal.endProgress()
        Terminal.error("not served: \(error)")
        let tasks = taskSet.tasks.filter { $0.model == model }
        for task in tasks {
            if task.name != model { Terminal.error("not served: task '\(task.name)', which runs model '\(model)'") }
            if case .sporadic = task.arrival {
                let own = found.first { $0.usable?.task.name == task.name }
                unavailable.append(
                    UnavailableModel(
                        name: own?.name ?? task.name, version: own?.version ?? UnavailableModel.onlyVersion,
                        reason: own?.usable?.reason(of: error) ?? error.reason))
            }
        }
        taskSet.tasks.removeAll { $0.model == model }
        taskSet.models.removeAll { $0.name == model }
    }

    private mutating func refuse(_ model: UnavailableModel) {
        Terminal.error("not served: model '\(model.name)': \(model.reason)")
        unavailable.append(model)
    }
}
