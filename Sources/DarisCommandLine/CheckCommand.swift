import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import DarisSimulator
import Foundation

/// `daris check TASKSET`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find mistakes in a task set, and show the plan it leads to.",
        discussion: """
            Reads the task set and its models like 'daris run', measures what is not in the cache, and prints the plan: \
            contexts, placement, utilisations, and the longest response of each high-priority task by analysis \
            (docs/analysis.md). No job is released. With --fast nothing is measured: only the file and its models are read.

            Exit codes: 0 no mistakes; 1 a model cannot be run, or the high-priority tasks do not fit; 2 the task set or \
            an option is wrong.
            """)

    @Argument(help: "A YAML file with models and tasks.")
    var taskset: String
    @OptionGroup(title: "Overrides of the file")
    var options: TaskSetOptions
    @Flag(help: "Read the file and its models, and measure nothing.")
    var fast = false
    @Flag(help: "Show the plan even if the high-priority tasks alone do not fit.")
    var force = false

    func run() throws {
        let taskSet = try options.taskSet(taskset)
        if fast {
            let names = try Preparation.readModels(of: taskSet) { Terminal.step($0) }
            Terminal.endProgress()
            for warning in taskSet.warnings { try Terminal.print("warning: \(warning)") }
            let (tasks, models) = (taskSet.tasks.count, names.count)
            try Terminal.print(
                "\(taskset): \(tasks) task\(tasks == 1 ? "" : "s"), model\(models == 1 ? "" : "s") "
                    + "\(names.joined(separator: ", ")): no mistakes found")
        } else {
            let prepared = try Preparation.prepareShowingSteps(taskSet, force: force)
            prepared.device.shutDown()
            try Terminal.print(PlanReport(prepared.plan).text(styling: Terminal.styling))
            let isCPU = DeviceKind.named(taskSet.device) == .cpu
            let guess = Nanoseconds.seconds(GPUModel.Sharing.usualPreemptionMs / 1_000)
            let preemption = isCPU ? .zero : guess
            // Execution times vary, and with them when stages are due.
            let bounds = ResponseBound.bounds(prepared.configuration, preemption: preemption, sharesVary: true)
            guard !bounds.isEmpty else { return }
            try Terminal.print("")
            try Terminal.print(BoundReport(bounds, prepared.configuration).text(styling: Terminal.styling))
            if !isCPU && prepared.configuration.partition.express > 0 {
                try Terminal.print(
                    "That a running stage makes way within \(preemption.inMilliseconds) ms is a guess, not measured.")
            }
        }
    }
}
