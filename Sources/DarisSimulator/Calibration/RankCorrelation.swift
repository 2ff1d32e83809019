/// Spearman's rank correlation of two lists of equal length, ties at their mean rank; 0 where one of them is constant.
package func rankCorrelation(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "two lists of different length have no correlation")
    guard a.count > 1 else { return 0 }
    let (x, y) = (ranks(a), ranks(b))
    let mean = Double(a.count - 1) / 2
    var (product, square, other) = (0.0, 0.0, 0.0)
    for index in x.indices {
        product += (x[index] - mean) * (y[index] - mean)
        square += (x[index] - mean) * (x[index] - mean)
        other += (y[index] - mean) * (y[index] - mean)
    }
    return square > 0 && other > 0 ? product / (square * other).squareRoot() : 0
}

/// The rank of each value from 0, equal values at the mean of theirs.
private func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
        var end = start
        while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
        for place in start...end { ranks[order[place]] = Double(start + end) / 2 }
        start = end + 1
    }
    return ranks
}

/// The median; 0 of nothing.
package func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
