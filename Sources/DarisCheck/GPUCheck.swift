import CUDADriver
import DarisCore
import DarisReport
import DarisRuntime
import Foundation

/// A check of a GPU for Daris: measurements in steps within a time limit. The results are written after each
/// measurement.
///
/// ```swift
/// var options = CheckOptions()
/// options.minutes = 15
/// let results = try GPUCheck(options, interruption: CheckInterruption()).run()
/// ```
package final class GPUCheck {
    let options: CheckOptions
    let interruption: CheckInterruption
    let folder: ResultsFolder
    let energy: EnergyMeter
    /// The GPU; `nil` in a rehearsal.
    let gpu: CUDADeviceFacts?
    /// Its context, kept open so that not every measurement must open it; `nil` in a rehearsal.
    let context: CUDAContext?
    var results: CheckResults
    var profileBuilder = ProfileBuilder()
    /// The time after which the current step begins no measurement.
    var deadline = Nanoseconds.zero
    let clock = MonotonicClock()
    /// The kinds of partition that are not measured, with the reasons.
    var obstacles: [PartitionKind: String] = [:]
    /// Why the check ended early, if it did: the GPU's context is lost for this process.
    package private(set) var loss: String?
    /// What is predicted of this card, if anything.
    let predictions: CardPredictions?
    private let plan: CheckPlan
    private let budget: Budget
    /// The current step.
    var step = CheckStep.facts

    /// A check that has not begun. Its time starts now.
    ///
    /// - Throws: `CheckError` if there is no such device, or `ResultsFolder.Failure`.
    package init(_ options: CheckOptions, interruption: CheckInterruption) throws {
        self.options = options
        self.interruption = interruption
        context = options.isRehearsal ? nil : try Self.openGPU(options.gpu)
        gpu = context?.device
        folder = try ResultsFolder(path: options.folder)
        energy = EnergyMeter(busID: gpu?.busID)
        predictions = gpu.flatMap { CardPredictions.of($0.name) }
        plan = CheckPlan(seconds: options.minutes * 60, isRehearsal: options.isRehearsal)
        budget = Budget(total: .seconds(options.minutes * 60), start: clock.now, plan: plan)
        results = CheckResults(
            version: options.version, started: ISO8601DateFormatter().string(from: Date()), device: options.device,
            deviceName: gpu?.name ?? "CPU (\(CPUFacts.name))", isRehearsal: options.isRehearsal,
            minutes: options.minutes, networks: options.networks.map(\.name))
        if gpu?.isExclusive == true {
            obstacles[.mps] =
                "the GPU is in compute mode EXCLUSIVE_PROCESS, in which this check's own context keeps MPS's server out; "
                + "'nvidia-smi -c DEFAULT' allows both"
        }
    }

    private static func openGPU(_ index: Int) throws(CheckError) -> CUDAContext {
        let library: CUDALibrary
        // The number of hardware queues is fixed when the driver is first opened.
        do { library = try CUDALibrary.open(maxConnections: 32) } catch { throw .noGPU(error.description) }
        guard index < library.deviceCount else {
            throw .noGPU("the driver sees \(library.deviceCount), counted from 0")
        }
        do { return try CUDAContext(library: library, device: index) } catch { throw .noGPU(error.description) }
    }

    /// Runs the steps. A step that fails is noted, and the check goes on.
    ///
    /// - Returns: The results.
    /// - Throws: `ResultsFolder.Failure` if the results cannot be written.
    package func run() throws -> CheckResults {
        try save()
        for step in plan.steps { try run(step) }
        for step in plan.leftOut {
            if loss == nil, !interruption.isSet, budget.remaining(at: clock.now).inSeconds >= step.need.least {
                try run(step)
            } else {
                self.step = step
                note(
                    "left out: \(Figure.plain(options.minutes)) minutes do not hold it; it needs "
                        + "\(Figure.plain(step.need.least)) to \(Figure.plain(step.need.full)) s")
                results[step].state = .skipped
            }
        }
        try save()
        return results
    }

    /// Runs a step, and writes what it came to.
    private func run(_ step: CheckStep) throws {
        self.step = step
        let begin = clock.now
        deadline = budget.deadline(of: step, at: begin)
        if loss != nil {
            note("the GPU's context had been lost before")
            results[step].state = .failed
        } else if interruption.isSet {
            results[step].state = .interrupted
        } else if budget.remaining(at: begin) == .zero {
            results[step].state = .cut
        } else {
            say("\(step.title)")
            do {
                try perform(step)
            } catch let failure as ResultsFolder.Failure {
                throw failure
            } catch {
                note("\(error)")
                results[step].state = .failed
            }
            if isLost(), let loss { note(loss) }
            if interruption.isSet, results[step].state != .failed { results[step].state = .interrupted }
            results[step].seconds = ((clock.now - begin).inSeconds * 10).rounded() / 10
        }
        try save()
    }

    private func perform(_ step: CheckStep) throws {
        switch step {
        case .facts: readFacts()
        case .loops: try measureLoops()
        case .largeBatches: try runLargeBatches()
        case .asBefore: try runAsBefore()
        case .batching: try measureBatching()
        case .taskSets: try runTaskSets()
        case .outputs: try compareOutputs()
        case .unbatched: try runUnbatched()
        case .precision: try measurePrecision()
        case .pytorch: try measurePyTorch()
        case .maps: try proveMaps()
        case .profile: try profileStages()
        case .sweep: try sweepPartitions()
        }
    }

    // MARK: - For the steps

    /// Whether the current step must begin no measurement.
    var isUp: Bool { interruption.isSet || clock.now >= deadline || isLost() }

    /// Whether the GPU's context is lost, by the driver.
    private func isLost() -> Bool {
        guard loss == nil, let context else { return loss != nil }
        do throws(CUDAError) {
            _ = try context.freeMemory()
        } catch {
            guard error.losesContext else { return false }
            loss = "the GPU's context is lost, so nothing more can be measured in this process: \(error)"
        }
        return loss != nil
    }

    /// The kinds of partition that may be measured.
    var usableKinds: [PartitionKind] { options.usableKinds.filter { obstacles[$0] == nil } }

    /// Ends the measurements under MPS if the last one failed so late that it must have hung: the next would hang as
    /// long.
    func dropIfHung(_ kind: PartitionKind, since start: Nanoseconds) {
        let seconds = (clock.now - start).inSeconds
        if seconds >= CheckOptions.hang.inSeconds { drop(kind, "something hung in it, for \(Int(seconds)) s") }
    }

    /// Ends the measurements under MPS, for a reason.
    func drop(_ kind: PartitionKind, _ reason: String) {
        guard kind == .mps, obstacles[kind] == nil else { return }
        obstacles[kind] = reason
        note("mps is not measured any more: \(reason)")
    }

    /// The time left for the current step.
    var timeLeft: Nanoseconds { max(.zero, deadline - clock.now) }

    /// Sets the state of the current step: done if all was measured, failed if nothing was and there were problems,
    /// else cut.
    func finish(all isComplete: Bool, measured count: Int) {
        let hasProblems = !results[step].problems.isEmpty
        results[step].state = count == 0 && hasProblems ? .failed : isComplete ? .done : .cut
    }

    /// Ends the current step, which does not apply, for the reason that was noted.
    func finishSkipped() { results[step].state = .skipped }

    /// Adds a problem, or something that the user should know, to the current step.
    func note(_ problem: String) {
        guard !results[step].problems.contains(problem) else { return }
        results[step].problems.append(problem)
    }

    /// Reports the current measurement, with the time left.
    func say(_ text: String) {
        let left = Int(budget.remaining(at: clock.now).inSeconds)
        let place = "step \(step.number) of \(CheckStep.allCases.count)"
        options.progress("\(place), \(left / 60) min \(left % 60) s left: \(text)")
    }

    /// Writes the results so far.
    func save() throws(ResultsFolder.Failure) {
        results.verdicts = results.judged()
        results.predictions = predictions.map { results.judged(by: $0) }
        try folder.write(results)
    }
}

/// Why a check cannot begin.
package enum CheckError: Error, Sendable, CustomStringConvertible {
    /// There is no GPU to check.
    case noGPU(String)

    /// The problem, and what may help.
    package var description: String {
        switch self {
        case .noGPU(let reason):
            "there is no GPU to check: \(reason); 'daris gpu-check --device cpu' tries the steps out on the CPU"
        }
    }
}
