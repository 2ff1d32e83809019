import DarisCore

/// The progress of a run in one line of at most `TextTable.pageWidth` columns:
/// `[#####-----] 5.0/10.0 s  HP 106 done 0 missed | LP 210 done 1 missed 95 rejected | 31.5 jobs/s`.
///
/// It is only a format: the caller prints it.
package struct ProgressLine: Sendable, Hashable {
    /// The time since the start.
    package var elapsed: Nanoseconds
    /// The time during which jobs are released.
    package var total: Nanoseconds
    /// High-priority jobs; left out while none is released.
    package var hp: JobFigures
    /// Low-priority jobs; left out while none is released.
    package var lp: JobFigures
    /// Completed inferences a second.
    package var jps: Double

    /// A line from its figures.
    package init(elapsed: Nanoseconds, total: Nanoseconds, hp: JobFigures, lp: JobFigures, jps: Double) {
        self.elapsed = elapsed
        self.total = total
        self.hp = hp
        self.lp = lp
        self.jps = jps
    }

    /// A line from the counts so far. Jobs in flight past their deadline do not yet count as misses.
    package init(elapsed: Nanoseconds, total: Nanoseconds, hp: JobFigures, lp: JobFigures) {
        self.init(
            elapsed: elapsed, total: total, hp: hp, lp: lp,
            jps: elapsed > .zero ? Double(hp.inferences + lp.inferences) / elapsed.inSeconds : 0)
    }

    /// The line, without a line break. If it is too long, counts are shortened, then the bar is left out.
    package var text: String {
        let exact = line(exactBelow: 10_000_000)
        guard exact.displayWidth > TextTable.pageWidth else { return exact }
        let short = line(exactBelow: 10_000)
        guard short.displayWidth > TextTable.pageWidth else { return short }
        return String(short.dropFirst(Self.barWidth + 3)).truncated(to: TextTable.pageWidth)
    }

    private static let barWidth = 10

    private func line(exactBelow limit: UInt) -> String {
        let isOver = total <= .zero || elapsed >= total
        let share = isOver ? 1 : elapsed.inSeconds / total.inSeconds
        let filled = min(Self.barWidth, Int(share * Double(Self.barWidth)))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.barWidth - filled)
        let decimals = max(elapsed, total) < .seconds(Int64(1_000)) ? 1 : 0
        let time =
            Figure.fixed(elapsed.inSeconds, decimals: decimals) + "/"
            + Figure.fixed(total.inSeconds, decimals: decimals)
        let rate = jps < 1_000 ? Figure.rate(jps) : Figure.fixed(jps, decimals: 0)
        let parts = [words("HP", hp, limit), words("LP", lp, limit), "\(rate) jobs/s"].compactMap { $0 }
        return "[\(bar)] \(time) s  \(parts.joined(separator: " | "))"
    }

    /// "LP 210 done 1 missed 95 rejected": rejections and failures only if there are any.
    private func words(_ name: String, _ jobs: JobFigures, _ limit: UInt) -> String? {
        func count(_ value: Int) -> String { Figure.count(value, exactBelow: limit) }
        let counts = jobs.counts
        guard counts.released > 0 else { return nil }
        var text = "\(name) \(count(counts.completed)) done \(count(jobs.missed)) missed"
        if counts.rejected > 0 { text += " \(count(counts.rejected)) rejected" }
        if counts.failed > 0 { text += " \(count(counts.failed)) failed" }
        return text
    }
}
