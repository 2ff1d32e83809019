/// How far the preparation of a run has come, in one line of at most `TextTable.pageWidth` columns:
/// `measuring unet stage 3/4 …  42 %`.
package struct PreparationLine: Sendable, Hashable {
    /// What is being done: `measuring unet stage`.
    package var activity: String
    /// Which one is at work, from 1.
    package var step: Int
    /// How many there are.
    package var steps: Int
    /// How much of the whole preparation is done, from 0 to 1.
    package var share: Double

    /// A line from its parts.
    package init(_ activity: String, step: Int, of steps: Int, share: Double) {
        self.activity = activity
        self.step = step
        self.steps = steps
        self.share = share
    }

    /// The line, without a line break. It says 100 % only when all is done.
    package var text: String {
        let percent = share.isFinite ? Int(max(0, min(1, share)) * 100) : 0
        let digits = String(percent)
        let end = " \(step)/\(steps) … " + String(repeating: " ", count: 3 - digits.count) + digits + " %"
        return activity.printable.truncated(to: max(1, TextTable.pageWidth - end.displayWidth)) + end
    }
}
